"""The processes of forwards: real ones, between ports of this machine."""

import os
import signal
import socket
import subprocess
import sys
import threading
from ipaddress import ip_address
from pathlib import Path

import pytest

from labctl.core.endpoint import Endpoint
from labctl.core.errors import LabctlError
from labctl.host.machine import forwarders, processes
from labctl.host.machine.forwarders import Mark
from tests.waiting import runs, wait_until

URI = "test:///of-these-tests"
LOOPBACK = ip_address("127.0.0.1")


@pytest.fixture
def mark(free_port):
    made = Mark(URI, "shop", f"web/{free_port}")
    yield made
    forwarders.end(made)


@pytest.fixture
def here(free_port):
    return Endpoint(LOOPBACK, free_port)


@pytest.fixture
def server():
    """Answers each connection with what it sends, in capitals."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        yield Endpoint(LOOPBACK, listening.getsockname()[1])


def serve(listening):
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection):
    with connection:
        while text := connection.recv(100):
            connection.sendall(text.upper())


def connected(here):
    return socket.create_connection((str(here.ip), here.port), timeout=30)


def test_the_arguments_are_numbers_and_addresses():
    six = Endpoint(ip_address("fd00::2"), 80)
    alive = "keepalive,keepidle=60,keepintvl=10,keepcnt=6"
    assert forwarders.arguments(Endpoint(LOOPBACK, 8080), "tcp", six)[-2:] == [
        f"TCP4-LISTEN:8080,bind=127.0.0.1,reuseaddr,fork,max-children=512,backlog=128,{alive}",
        f"TCP6:[fd00::2]:80,connect-timeout=15,{alive}",
    ]
    assert forwarders.arguments(Endpoint(ip_address("::1"), 53), "udp", six)[-2:] == [
        "UDP6-LISTEN:53,bind=[::1],ipv6only=1,reuseaddr,fork,max-children=128",
        "UDP6:[fd00::2]:80",
    ]


def test_it_forwards_in_a_session_of_its_own_with_nothing_of_labctls(mark, here, server, monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    started = forwarders.start(mark, here, "tcp", server)
    with connected(here) as one, connected(here) as other:
        for each in (one, other):
            each.sendall(b"said")
            assert each.recv(100) == b"SAID"
        found = forwarders.running(URI)
        assert {(each.session, each.mark, each.to) for each in found} == {(started.pid, mark, str(server))}
        assert len(found) == 3, "one for each connection"
    folder = Path(f"/proc/{started.pid}")
    assert os.getsid(started.pid) == started.pid
    assert [str((folder / f"fd/{number}").readlink()) for number in (0, 1, 2)] == ["/dev/null"] * 3
    assert str((folder / "cwd").readlink()) == "/"
    assert b"SECRET" not in (environment := (folder / "environ").read_bytes())
    assert b"PYTHON" not in environment


def test_one_that_was_killed_is_found_by_its_connections_and_they_are_ended(mark, here, server):
    started = forwarders.start(mark, here, "tcp", server)
    with connected(here) as one:
        one.sendall(b"a")
        one.recv(1)
        os.kill(started.pid, signal.SIGKILL)
        wait_until(lambda: not started.alive)
        assert [each.session for each in forwarders.running(URI, "shop")] == [started.pid]
        forwarders.end(mark)
        assert one.recv(1) == b""
    assert forwarders.running(URI) == []


def test_the_end_of_one_is_none_of_another(mark, here, server):
    forwarders.start(mark, here, "tcp", server)
    forwarders.end(Mark(URI, "shop", f"{mark.name}0"))
    forwarders.end(Mark(URI, "sho", mark.name))
    assert len(forwarders.running(URI)) == 1


def test_a_process_of_another_start_or_boot_is_another(mark, here, server):
    started = forwarders.start(mark, here, "tcp", server)
    assert started.alive
    assert not processes.Identity(started.pid, "1", started.boot).alive
    assert not processes.Identity(started.pid, started.started, "another").alive


def test_nothing_of_another_users_processes_is_read_but_of_a_session_that_is_known(
    mark, here, server, monkeypatch
):
    """What they show as their arguments may never answer."""
    started = forwarders.start(mark, here, "tcp", server)
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        assert forwarders.mark_of(started.pid) is None
        forwarders.end(mark)
        assert started.alive
        forwarders.end(mark, started.pid)
    assert not started.alive


def test_one_of_a_users_own_libvirt_is_not_that_of_the_systems(mark):
    """It has the same mark and user, and a PID namespace of its own."""
    became = "import os, sys; os.execv('/bin/sleep', [sys.argv[1], '60'])"
    unshare = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
    with subprocess.Popen([*unshare, sys.executable, "-c", became, str(mark)]) as outer:
        try:
            children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
            wait_until(children.read_text)
            pid = int(children.read_text())
            wait_until(
                lambda: str(mark).encode() == Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
            )
            assert forwarders.running(URI) == []
            assert forwarders.mark_of(pid) is None
            forwarders.end(mark)
            assert runs(pid)
        finally:
            outer.kill()


def test_a_taken_port_is_told_with_its_owner(mark, here, server):
    with socket.create_server((str(here.ip), here.port)):
        with pytest.raises(LabctlError, match=rf"taken by \S+ \(PID {os.getpid()}\)"):
            forwarders.start(mark, here, "tcp", server)
        with pytest.raises(LabctlError, match=rf"taken by \S+ \(PID {os.getpid()}\)"):
            forwarders.attached(here, "tcp", server)
    assert forwarders.running(URI) == []


def test_an_attached_one_ends_when_it_is_let_go(here, server):
    process = forwarders.attached(here, "tcp", server)
    with connected(here) as one:
        one.sendall(b"a")
        assert one.recv(1) == b"A"
        forwarders.detach(process)
        assert one.recv(1) == b""


def test_an_attached_one_ends_with_a_labctl_that_is_killed(here, server, tmp_path):
    code = (
        "import sys; from labctl.core.endpoint import Endpoint; from labctl.host.machine import forwarders;"
        "made = forwarders.attached(Endpoint.parse(sys.argv[1]), 'tcp', Endpoint.parse(sys.argv[2]));"
        "print(made.pid, flush=True); made.wait()"
    )
    victim = subprocess.Popen(
        [sys.executable, "-c", code, str(here), str(server)],
        cwd=Path(__file__).parents[4],
        stdout=subprocess.PIPE,
    )
    pid = int(victim.stdout.readline())
    victim.kill()
    victim.communicate()
    wait_until(lambda: not runs(pid))


@pytest.mark.parametrize(
    "argument", ["", "socat", "labctl-forward", "labctl-forward a b", "labctl-forward a b c d"]
)
def test_what_has_no_mark_is_nobodys(argument):
    assert Mark.read(argument) is None
    assert forwarders.mark_of(os.getpid()) is None
