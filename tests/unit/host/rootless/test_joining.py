"""Going on in the namespaces of another process."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labctl.host.machine import processes
from labctl.host.machine.processes import Identity
from labctl.host.rootless import joining

WORLD = (
    "unshare", "--user", "--map-root-user", "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child",
    "--mount-proc", "sh", "-c", "echo; exec sleep 100",
)  # fmt: skip
GO = """
import os, sys
from labctl.core.errors import LabctlError
from labctl.host.machine.processes import Identity
from labctl.host.rootless import joining
def leave(code):
    print("left", code, flush=True)
    os._exit(0)
try:
    joining.go_inside(Identity(int(sys.argv[1]), *sys.argv[2:4]), leave)
except LabctlError as error:
    print(error, error.hint, sep="\\n", flush=True)
    os._exit(0)
exec(sys.argv[4])
"""


@pytest.fixture(scope="module")
def init():
    """PID 1 of new namespaces."""
    with subprocess.Popen(WORLD, stdout=subprocess.PIPE) as world:
        world.stdout.readline()
        child = Path(f"/proc/{world.pid}/task/{world.pid}/children").read_text()
        yield processes.identity(int(child))
        world.kill()


TELL_FOLDER = """
try:
    print(os.getcwd(), flush=True)
except FileNotFoundError:
    print("gone", flush=True)
os._exit(0)
"""


def gone(init, program, before="", **environment):
    """What is said by a process that goes inside and runs a program there, and another one before."""
    argv = [sys.executable, "-c", before + GO, str(init.pid), init.started, init.boot, program]
    kept = {name: value for name, value in os.environ.items() if name != "HOME"}
    done = subprocess.run(
        argv, env={**kept, **environment}, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_it_is_in_another_place_and_its_exit_code_is_told(init):
    said = gone(init, "print(open('/proc/1/comm').read(), end='', flush=True); os._exit(3)")
    assert said == ["sleep", "left 3"]


def test_what_is_called_inside_gives_what_it_gives(init):
    assert joining.called_inside(init, lambda: Path("/proc/1/comm").read_text(), 60) == "sleep\n"


def test_what_is_called_inside_and_never_returns_is_ended(init):
    """As a call of libvirt's whose daemon is stopped, which no signal brings back to Python."""
    with pytest.raises(joining.Hangs, match="does not answer within 1 seconds"):
        joining.called_inside(init, ctypes.PyDLL(None).pause, 1)


BEGIN = """
import socket
from labctl.host.rootless import joining
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
ours.send(b"go on")
if {killed}:
    ours.close()
joining._begin(theirs, ())
print("goes on")
"""


@pytest.mark.parametrize("killed", [False, True])
def test_one_whose_process_outside_is_killed_as_it_begins_does_not_go_on(killed):
    argv = [sys.executable, "-c", BEGIN.format(killed=killed)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == (("", "", 1) if killed else ("goes on\n", "", 0))


def test_one_that_is_killed_is_told_apart(init):
    assert gone(init, "os.kill(os.getpid(), 9)") == [f"left {-signal.SIGKILL}"]


@pytest.mark.parametrize("environment", [{}, {"HOME": "/somewhere"}])
def test_its_home_is_the_users(init, environment):
    home = environment.get("HOME", pwd.getpwuid(os.geteuid()).pw_dir)
    assert gone(init, "print(os.environ['HOME'], flush=True); os._exit(0)", **environment)[0] == home


def test_a_process_that_got_the_pid_of_an_earlier_one_is_not_entered(init):
    said, hint = gone(Identity(init.pid, "1", init.boot), "os._exit(0)")
    assert hint == "the same command starts it again"
    assert said.startswith("can't enter your rootless libvirt: ")
    assert "its first process has ended" in said


def test_a_folder_that_is_gone_is_gone_inside_too(init, tmp_path):
    argv = f"import os; os.chdir({str(tmp_path)!r}); os.rmdir({str(tmp_path)!r})\n"
    said = gone(init, TELL_FOLDER, before=argv)
    assert said[0] == "gone"


def test_a_folder_that_is_not_there_inside_is_told(init):
    """The world of these tests has the machine's mounts, so a folder stands for one below /run that was left out."""
    said = gone(init, TELL_FOLDER, before="import os; os.getcwd = lambda: '/run/not-there'\n")
    assert said == [
        "can't enter your rootless libvirt: [Errno 2] No such file or directory: '/run/not-there'",
        "cd to a folder that is there inside too",
    ]
