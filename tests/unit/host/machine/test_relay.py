"""Sockets that are handed over, and what stands for a guest."""

import resource
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from labctl.host.machine import relay


def limited(soft, hard):
    """What limits the descriptors of a process that is started."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def relayed(kind, to, limit=None):
    """A relay whose listening socket was made before it; gives where that listens."""
    with socket.socket(socket.AF_INET, kind) as listening:
        listening.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            listening.listen()
        place = listening.getsockname()
        argv = [sys.executable, "-S", "-s", "-B", str(Path(relay.__file__)), str(listening.fileno()), to]
        process = subprocess.Popen(
            argv,
            pass_fds=(listening.fileno(),),
            stdout=subprocess.PIPE,
            preexec_fn=limit,  # noqa: PLW1509
        )
    assert process.stdout.read(1) == relay.READY
    try:
        yield place
    finally:
        process.kill()
        process.communicate()


def test_each_connection_is_one_to_the_guest_and_a_half_of_it_may_end(guest):
    with relayed(socket.SOCK_STREAM, f"TCP4:127.0.0.1:{guest.getsockname()[1]}") as place:
        for asked in (b"one", b"two" * 100_000):
            with socket.create_connection(place, 20) as client:
                client.sendall(asked)
                client.shutdown(socket.SHUT_WR)
                there, _ = guest.accept()
                with there:
                    assert b"".join(iter(lambda there=there: there.recv(65536), b"")) == asked
                    there.sendall(b"answer")
                assert client.recv(100) == b"answer"
                assert client.recv(100) == b""


def test_a_guest_where_nobody_listens_ends_the_connection_and_not_the_relay(guest):
    port = guest.getsockname()[1]
    with relayed(socket.SOCK_STREAM, f"TCP4:127.0.0.1:{port}") as place:
        guest.close()
        with socket.create_connection(place, 20) as client:
            assert client.recv(1) == b""
        with (
            socket.create_server(("127.0.0.1", port)) as again,
            socket.create_connection(place, 20) as client,
        ):
            again.accept()[0].send(b"x")
            assert client.recv(1) == b"x"


def opened(place, guest):
    """A connection, and what the guest has of it."""
    client = socket.create_connection(place, 20)
    there, _ = guest.accept()
    return client, there


def test_as_many_connections_as_the_hard_limit_lets_it_have(guest):
    to = f"TCP4:127.0.0.1:{guest.getsockname()[1]}"
    with relayed(socket.SOCK_STREAM, to, limited(64, 512)) as place, ExitStack() as ends:
        for _ in range(100):
            for each in opened(place, guest):
                ends.enter_context(each)


def test_with_few_descriptors_connections_wait_for_their_turn_and_none_ends_the_relay(guest):
    to = f"TCP4:127.0.0.1:{guest.getsockname()[1]}"
    with relayed(socket.SOCK_STREAM, to, limited(40, 40)) as place, ExitStack() as ends:
        clients = [ends.enter_context(socket.create_connection(place, 20)) for _ in range(60)]
        threading.Thread(target=greet, args=(guest, len(clients)), daemon=True).start()
        for client in clients:
            assert client.recv(1) == b"x"
            client.close()


def greet(guest, most):
    """Say a word on each connection, and end it after its client has."""
    for _ in range(most):
        threading.Thread(target=greeted, args=(guest.accept()[0],), daemon=True).start()


def greeted(there):
    with there:
        there.sendall(b"x")
        there.recv(1)


@pytest.fixture
def copied():
    """Two ends, between which a thread copies, and the thread."""
    (client, near), (far, server) = socket.socketpair(), socket.socketpair()
    for each in (client, server):
        each.settimeout(20)

    def copy():
        with near, far:
            relay.copy(near, far)

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    with client, server:
        yield client, server, thread
    thread.join(20)
    assert not thread.is_alive()


def test_what_is_half_open_ends_when_nothing_comes_for_long(copied, monkeypatch):
    monkeypatch.setattr(relay, "HALF_OPEN_S", 0.3)
    client, server, thread = copied
    server.sendall(b"a word")
    assert client.recv(10) == b"a word"
    thread.join(0.5)
    assert thread.is_alive()  # both ways are open
    client.shutdown(socket.SHUT_WR)
    assert server.recv(1) == b""
    assert client.recv(1) == b""
    thread.join(20)
    assert not thread.is_alive()


def test_neither_way_waits_for_the_other(copied):
    client, server, _ = copied
    much = bytes(4 << 20)
    asking = threading.Thread(target=client.sendall, args=(much,))
    asking.start()  # the server takes nothing of it before its own words are through
    for _ in range(100):
        server.sendall(bytes(65536))
        take(client, 65536)
    take(server, len(much))
    asking.join(20)


def take(end, size):
    """Receive this many bytes."""
    while size:
        piece = end.recv(size)
        assert piece
        size -= len(piece)


def test_a_side_that_takes_no_more_still_gives_what_it_has(copied):
    client, server, _ = copied
    server.sendall(b"refused")
    server.shutdown(socket.SHUT_RD)
    server.shutdown(socket.SHUT_WR)
    assert client.recv(10) == b"refused"
    assert client.recv(1) == b""


def test_each_client_of_udp_has_a_port_of_its_own():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as guest:
        guest.bind(("127.0.0.1", 0))
        guest.settimeout(20)
        with relayed(socket.SOCK_DGRAM, f"UDP4:127.0.0.1:{guest.getsockname()[1]}") as place:
            clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
            seen = []
            for number, client in enumerate((*clients, *clients)):
                client.settimeout(20)
                client.sendto(b"%d" % number, place)
                data, source = guest.recvfrom(100)
                assert data == b"%d" % number
                guest.sendto(b"for %d" % number, source)
                assert client.recv(100) == b"for %d" % number
                seen.append(source)
            assert seen[:2] == seen[2:]
            assert seen[0] != seen[1]
            for client in clients:
                client.close()
