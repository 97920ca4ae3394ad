"""What one process asks of another: here both are in the same namespaces."""

import json
import os
import pwd
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from labctl.core.endpoint import Endpoint
from labctl.core.errors import LabctlError, LabHeld
from labctl.host.files import checked, os_errors, owners
from labctl.host.machine import forwarders, lock, ports
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
@pytest.mark.parametrize("why", [OSError(23, "too many"), RuntimeError("a bug"), LabctlError("not today")])
def test_what_goes_wrong_outside_is_told_and_the_next_question_is_answered(free_port, monkeypatch, why):
    monkeypatch.setattr(ports, "_bound", lambda *_: (_ for _ in ()).throw(why))
    for _ in range(2):
        with pytest.raises(LabctlError, match=f"outside of your own libvirt: .*{why.args[-1]}"):
            ports.refusal(Endpoint.parse(f"127.0.0.1:{free_port}"), "tcp")


@pytest.mark.usefixtures("inside")
def test_one_who_asks_and_ends_hinders_nobody(free_port):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = {"about": "port", "endpoint": f"127.0.0.1:{free_port}", "protocol": "tcp", "listen": True}
    with socket.socket(fileno=os.dup(int(os.environ[outside.VARIABLE]))) as control:
        ours.close()
        socket.send_fds(control, [json.dumps(request).encode()], [theirs.fileno()])
        socket.send_fds(control, [b"without a socket for the answer"], [])
    theirs.close()
    ports.listening(Endpoint.parse(f"127.0.0.1:{free_port}"), "tcp").close()


def file(_ends):
    return os.open(os.devnull, os.O_RDONLY)


def socket_of_nobody(ends):
    """One that is full, and which nobody reads."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ends.callback(ours.close)
    with suppress(BlockingIOError):
        while theirs.send(b"x" * 1000, socket.MSG_DONTWAIT):
            pass
    return theirs.detach()


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("data", [b"", b"no request", b"{}"])
@pytest.mark.parametrize("answered_on", [None, file, socket_of_nobody])
def test_a_request_that_can_t_be_answered_hinders_nobody(data, answered_on):
    with ExitStack() as ends:
        descriptors = [answered_on(ends)] if answered_on else []
        with socket.socket(fileno=os.dup(int(os.environ[outside.VARIABLE]))) as control:
            socket.send_fds(control, [data], descriptors)
        for each in descriptors:
            os.close(each)
        assert outside.ask({"about": "lock", "file": "00:00:0"})[0] == {"holder": lock.holder_of("00:00:0")}


def test_one_outside_that_does_not_answer_is_waited_for_no_longer_than_a_while(monkeypatch):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    monkeypatch.setattr(outside, "_ANSWER_S", 0.1)
    with ours, theirs:
        monkeypatch.setenv(outside.VARIABLE, str(theirs.fileno()))
        with pytest.raises(LabctlError, match="nobody outside answers"):
            outside.ask({"about": "memory"})


def test_one_outside_that_answers_no_more_is_not_waited_for(monkeypatch):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    outside.serve(ours, answers(os.getpid()))
    assert ours.fileno() == -1


@pytest.mark.parametrize("family", [None, socket.AF_UNIX, socket.AF_INET])
def test_a_program_that_has_not_the_socket_is_told(monkeypatch, family):
    """It has the variable, and at the number nothing, or something of its own."""
    with ExitStack() as ends:
        ours = ends.enter_context(socket.socket(family)) if family else None
        monkeypatch.setenv(outside.VARIABLE, str(ours.fileno() if ours else 987))
        with pytest.raises(LabctlError, match="nobody outside can be asked"):
            ports.listening(Endpoint.parse("127.0.0.1:8080"), "tcp")


def test_another_socket_that_the_number_names_is_told_nothing(monkeypatch):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        monkeypatch.setenv(outside.VARIABLE, str(theirs.fileno()))
        with pytest.raises(LabctlError, match="nobody outside can be asked"):
            outside.ask({"about": "memory"})
        theirs.close()
        assert ours.recv(1) == b""


@pytest.mark.usefixtures("inside")
def test_what_the_users_groups_leave(monkeypatch):
    monkeypatch.setattr(
        "labctl.host.machine.cgroups.memory_left", lambda pid: 5 if pid == os.getpid() else None
    )
    assert outside.memory_left() == 5


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("whose", [0, 1234])
def test_who_owns_a_file_is_said_as_it_is_outside(tmp_path, whose):
    path = tmp_path / "file"
    path.touch()
    if os.geteuid() == 0:
        os.chown(path, whose, whose)
    uid = path.stat().st_uid
    (tmp_path / "link").symlink_to(path)
    for at in (path, tmp_path / "link"):
        assert outside.owner_of(str(at), path.stat()) == (uid, pwd_name(uid))


def pwd_name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


@pytest.mark.usefixtures("inside")
def test_another_file_at_the_path_outside_tells_nothing(tmp_path):
    (tmp_path / "file").touch()
    assert outside.owner_of(str(tmp_path / "file"), tmp_path.stat()) is None
    assert outside.owner_of(str(tmp_path / "none"), tmp_path.stat()) is None


@pytest.mark.usefixtures("inside")
def test_all_that_names_an_owner_names_the_one_outside(tmp_path, monkeypatch):
    """Where all others are nobody inside, as here this process's own user is another."""
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setattr("labctl.host.rootless.answers.user", lambda _uid: "dana")
    (tmp_path / "file").touch()
    error = os_errors.as_labctl_error(PermissionError(13, "denied"), "can't", tmp_path)
    assert (error.summary, error.hint) == (
        f"can't: denied; {tmp_path} is dana's",
        "run labctl as dana, or use a folder of your own",
    )
    with checked.folder_of(tmp_path / "file") as within, pytest.raises(LabctlError) as caught:
        checked.read("file", within, tmp_path / "file", 10)
    assert caught.value.summary == "labctl does not use it: it is dana's"
    assert caught.value.hint.startswith("run labctl as dana; ")


@pytest.mark.usefixtures("inside")
def test_who_holds_a_lock_is_said_as_it_is_outside(monkeypatch):
    monkeypatch.setattr("labctl.host.machine.lock.holder_of", lambda file: f"outside, of {file}")
    with lock.held("lab shop"), pytest.raises(LabHeld) as caught, lock.held("lab shop"):
        pass
    found = lock.path("lab shop").stat()
    place = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    assert str(caught.value) == f"another labctl holds the lab shop: outside, of {place}"


def test_who_holds_a_lock_is_unknown_where_nobody_can_be_asked(monkeypatch):
    monkeypatch.setenv(outside.VARIABLE, "987")
    with (
        lock.held("lab shop"),
        pytest.raises(LabHeld, match="its PID can't be told"),
        lock.held("lab shop"),
    ):
        pass


def test_root_inside_is_the_user(monkeypatch, tmp_path):
    if os.geteuid() == 0:
        assert owners.user(0) == "root"
    (tmp_path / "uid_map").write_text("         0      54321          1\n         1     100000      65536\n")
    monkeypatch.setattr(owners, "_UID_MAP", tmp_path / "uid_map")
    monkeypatch.setattr(outside, "inside", lambda: True)
    assert owners.user(0) == "uid 54321"


def place(listening):
    return Endpoint.parse(f"127.0.0.1:{listening.getsockname()[1]}")


@pytest.mark.usefixtures("inside")
def test_a_relay_forwards_what_comes_outside(free_port, guest):
    process = forwarders.attached(Endpoint.parse(f"127.0.0.1:{free_port}"), "tcp", place(guest))
    assert "-P" in Path(f"/proc/{process.pid}/cmdline").read_text().split("\0")
    with socket.create_connection(("127.0.0.1", free_port), 20) as client:
        guest.accept()[0].send(b"x")
        assert client.recv(1) == b"x"
    forwarders.detach(process)


@pytest.mark.usefixtures("inside")
def test_a_relay_that_ends_at_its_start_is_an_error(free_port, guest, monkeypatch):
    monkeypatch.setattr(forwarders.relay, "__file__", "/nowhere")
    with pytest.raises(LabctlError, match=f"what forwards 127.0.0.1:{free_port} ended at once"):
        forwarders.attached(Endpoint.parse(f"127.0.0.1:{free_port}"), "tcp", place(guest))
