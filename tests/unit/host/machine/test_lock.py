"""Locks: where they are, who has one, and who waits for it."""

import os
import pwd
import socket
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from labctl.core.errors import LabHeld
from labctl.host.machine import lock
from tests.waiting import opened

OTHER = 54321  # a user without a name


@pytest.fixture
def public(monkeypatch):
    """A folder for locks that other users get into, as /run/lock."""
    with ExitStack() as stack:
        folder = Path("/tmp", f"labctl-locks-{os.getpid()}")
        folder.mkdir()
        folder.chmod(0o1777)
        monkeypatch.setattr(lock, "SHARED", folder)
        yield folder
        stack.close()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def as_user(uid: int, folder: Path, what: str, *, wait: bool = False) -> subprocess.Popen[str]:
    """Another user's labctl, which takes a lock and tells how that went. Modules are imported as root."""
    program = f"""
import os, pathlib, sys
from labctl.core.errors import LabctlError
from labctl.host.files import os_errors, owners
from labctl.host.machine import lock
import encodings.ascii, labctl.core.record
os.setgid({uid}); os.setuid({uid}); os.umask(0o077)
lock.SHARED = pathlib.Path({str(folder)!r})
try:
    with lock.held({what!r}):
        print("held", flush=True)
        {"sys.stdin.readline()" if wait else "pass"}
except LabctlError as error:
    print(error, error.hint, sep=" | ")
"""
    return subprocess.Popen(
        [sys.executable, "-c", program, "up", "--set", "pw=hunter2"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_who_has_a_lock_is_named_to_others_and_not_what_runs(monkeypatch):
    """The command line may have secrets: `--set pw=…`."""
    monkeypatch.setattr("sys.argv", ["/usr/bin/labctl", "up", "--set", "pw=hunter2"])
    with lock.held("lab shop"), pytest.raises(LabHeld) as caught, lock.held("lab shop"):
        pass
    me = pwd.getpwuid(os.geteuid()).pw_name
    assert str(caught.value) == f"another labctl holds the lab shop: PID {os.getpid()} of {me}"
    assert lock.path("lab shop").read_bytes() == b""
    with lock.held("lab shop"), lock.held("lab other"):
        pass


def test_one_of_another_pid_namespace_is_told_to_be_unknown(monkeypatch):
    """The kernel does not show it: /proc/locks lacks the line."""
    real = Path.read_text
    monkeypatch.setattr(
        Path,
        "read_text",
        lambda path, **how: "" if path == Path("/proc/locks") else real(path, **how),
    )
    with lock.held("lab shop"), pytest.raises(LabHeld, match="its PID can't be told from here"):  # noqa: SIM117
        with lock.held("lab shop"):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="takes two users")
def test_two_users_exclude_each_other(public):
    """Whoever came first made the file, with whatever umask."""
    theirs = as_user(OTHER, public, "lab shop", wait=True)
    assert theirs.stdout.readline() == "held\n"
    assert stat.S_IMODE(lock.path("lab shop").stat().st_mode) == 0o444
    with pytest.raises(LabHeld, match=rf"PID {theirs.pid} of uid {OTHER}$"), lock.held("lab shop"):
        pass
    third = as_user(OTHER + 1, public, "lab shop")
    assert f"PID {theirs.pid} of uid {OTHER}" in third.communicate()[0]
    theirs.communicate("\n")
    with lock.held("lab shop"):
        told = as_user(OTHER, public, "lab shop").communicate()[0]
    assert f"another labctl holds the lab shop: PID {os.getpid()} of root" in told
    assert "hunter2" not in told
    assert as_user(OTHER + 1, public, "lab shop").communicate()[0] == "held\n"


def unread(path: Path) -> tuple[int, ...]:
    """What a look at a link, which counts as reading it, does not change."""
    status = path.lstat()
    return status.st_ino, status.st_mode, status.st_uid, status.st_ctime_ns


def plant_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.skipif(os.geteuid() != 0, reason="takes two users")
@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (lambda path: path.touch(0o600), "can't open it: Permission denied"),
        (
            lambda path: path.symlink_to("/etc/passwd"),
            "it is a link to /etc/passwd",
        ),
        (lambda path: os.mkfifo(path, 0o666), "it is a FIFO, not a file"),
        (lambda path: path.mkdir(), "it is a folder, not a file"),
        (plant_socket, "it is a socket, not a file"),
    ],
)
def test_what_somebody_else_put_there_is_told_with_the_owner(public, plant, told):
    path = lock.path("lab shop")
    plant(path)
    os.chown(path, OTHER, OTHER, follow_symlinks=False)
    before = unread(path)
    said = as_user(OTHER + 1, public, "lab shop").communicate(timeout=60)[0]
    assert f"{path}: " in said
    assert told in said
    assert f"have uid {OTHER} or root remove it" in said
    assert unread(path) == before
    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def test_the_daemons_of_two_users_are_two_hosts(monkeypatch):
    names = []
    for uid in (4001, 4002):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        names.append([lock.on(uri, "lab shop") for uri in ("qemu:///session", "qemu:///system")])
    assert names == [
        [f"lab shop on qemu:///session of uid {uid}", "lab shop on qemu:///system"] for uid in (4001, 4002)
    ]


def test_without_a_shared_folder_it_is_the_users_own(tmp_path, monkeypatch):
    monkeypatch.setattr(lock.runtime, "folder", lambda: tmp_path)
    for mode in (0o755, 0o777, 0o700):
        lock.SHARED.chmod(mode)
        assert not lock.shared()
        assert lock.path("lab shop").parent == tmp_path
    monkeypatch.setattr(lock, "SHARED", tmp_path / "missing")
    assert not lock.shared()
    with lock.held("lab shop"):
        assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_who_waits_is_heard_again_and_again_and_gets_it_when_it_is_free():
    heard = []
    with ExitStack() as first:
        first.enter_context(lock.held("lab shop"))

        def waiting():
            heard.append(1)
            if len(heard) == 3:
                first.close()

        with lock.held("lab shop", wait_s=60, waiting=waiting):
            assert len(heard) == 3


def test_what_waiting_raises_ends_the_wait():
    def interrupted():
        raise KeyboardInterrupt

    with lock.held("lab shop"):
        with pytest.raises(KeyboardInterrupt), lock.held("lab shop", wait_s=60, waiting=interrupted):
            pass
        assert len(opened(lock.path("lab shop"))) == 1, "it left its descriptor open"
