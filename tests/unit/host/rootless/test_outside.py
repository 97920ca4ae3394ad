"""What one process asks of another: here both are in the same namespaces."""

import os
import socket
import subprocess
import sys
import threading

import pytest

from labctl.core.endpoint import Endpoint
from labctl.core.errors import LabctlError
from labctl.host.machine import ports
from labctl.host.rootless import outside
from labctl.host.rootless.answers import answers


@pytest.fixture
def inside(monkeypatch):
    """This process is inside, and a thread answers for what is outside."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    answered = answers(os.getpid())

    def answer(request):  # the thread is in the same process, where `inside` is true
        monkeypatch.setattr(outside, "inside", lambda: False)
        try:
            return answered(request)
        finally:
            monkeypatch.setattr(outside, "inside", lambda: True)

    serving = threading.Thread(target=outside.serve, args=(ours, answer))
    serving.start()
    monkeypatch.setenv(outside.VARIABLE, str(theirs.fileno()))
    monkeypatch.setattr(outside, "inside", lambda: True)
    yield
    theirs.close()
    serving.join(20)
    ours.close()
    assert not serving.is_alive()


@pytest.mark.usefixtures("inside")
def test_a_socket_comes_that_listens_outside(free_port):
    endpoint = Endpoint.parse(f"127.0.0.1:{free_port}")
    assert ports.refusal(endpoint, "tcp") is None
    with ports.listening(endpoint, "tcp") as listening:
        with socket.create_connection(("127.0.0.1", free_port), 20) as client:
            there, _ = listening.accept()
            there.sendall(b"x")
            assert client.recv(1) == b"x"
            there.close()
        taken = ports.refusal(endpoint, "tcp")
        assert f"port {free_port} of 127.0.0.1 is taken by" in taken.summary
        with pytest.raises(LabctlError, match="is taken by"):
            ports.listening(endpoint, "tcp")
    with ports.listening(endpoint, "udp") as listening:
        assert listening.type == socket.SOCK_DGRAM
        assert listening.getsockname() == ("127.0.0.1", free_port)


@pytest.mark.usefixtures("inside")
def test_who_has_a_port_is_named_by_its_pid_inside_or_not_at_all(free_port):
    """This process is its own PID 1 here, so all of its namespace are inside."""
    program = (
        f"import socket; s = socket.create_server(('127.0.0.1', {free_port})); print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        owner.stdout.readline()
        found = ports.refusal(Endpoint.parse(f"127.0.0.1:{free_port}"), "tcp")
        owner.communicate(b"\n")
    assert found.owner.pid == owner.pid


@pytest.mark.usefixtures("inside")
def test_what_the_kernel_refuses_is_an_error_and_the_next_question_is_answered(free_port, monkeypatch):
    monkeypatch.setattr(ports, "_bound", lambda *_: (_ for _ in ()).throw(OSError(23, "too many")))
    with pytest.raises(LabctlError, match="nobody outside answers"):
        ports.refusal(Endpoint.parse(f"127.0.0.1:{free_port}"), "tcp")
    monkeypatch.undo()


def test_a_program_that_has_not_the_socket_is_told(monkeypatch):
    monkeypatch.setenv(outside.VARIABLE, "987")
    with pytest.raises(LabctlError, match="nobody outside can be asked"):
        ports.listening(Endpoint.parse("127.0.0.1:8080"), "tcp")


@pytest.mark.usefixtures("inside")
def test_what_the_users_groups_leave(monkeypatch):
    monkeypatch.setattr(
        "labctl.host.machine.cgroups.memory_left", lambda pid: 5 if pid == os.getpid() else None
    )
    assert outside.memory_left() == 5
