"""Sockets that are handed over, and what stands for a guest."""

import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from labctl.host.machine import relay


@contextmanager
def relayed(kind, to):
    """A relay whose listening socket was made before it; gives where that listens."""
    with socket.socket(socket.AF_INET, kind) as listening:
        listening.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            listening.listen()
        place = listening.getsockname()
        argv = [sys.executable, "-S", "-s", "-B", str(Path(relay.__file__)), str(listening.fileno()), to]
        process = subprocess.Popen(argv, pass_fds=(listening.fileno(),))
    try:
        yield place
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def guest():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


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
