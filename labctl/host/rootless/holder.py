"""The process outside that keeps a user's own libvirt: it makes the namespaces, and pasta as the way out of them.

`python -m labctl.host.rootless.holder FOLDER TOLD HELD`: the world's folder, the descriptor on which its
starter is told, and the one that has the world's lock.
It and all that it started end together, whatever kills it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from labctl.core.errors import LabctlError
from labctl.host.machine import command, processes
from labctl.host.rootless import init
from labctl.host.rootless.state import Holder, State
from labctl.host.rootless.way_out import WayOut

UNSHARE = (  # what is mounted outside later, as a stick, comes in, and nothing goes out
    "unshare", "--user", "--map-root-user", "--map-auto",
    "--mount", "--propagation", "slave", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
)  # fmt: skip
_DIES = ("setpriv", "--pdeathsig", "KILL", "--")
_LOOK_S = 1.0


def main(folder: Path, told: int, held: int) -> None:
    """Be the holder."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    state, pasta = State(folder), command.path("pasta")
    world = way_out = None
    try:
        world, answer = _begun(state, held, resolver=pasta is not None)
        if answer == init.READY:
            first = _child(world.pid)
            if pasta:
                way_out = WayOut(pasta, first, _DIES)
                way_out.wait()
            state.write_holder(Holder(processes.identity(os.getpid()), processes.identity(first)))
    except (OSError, LabctlError) as error:
        answer = str(error)
    with suppress(BrokenPipeError):  # the starter was killed, and the next one finds what it began
        os.write(told, f"{answer}\n".encode())
    os.close(told)
    if world and answer == init.READY:
        _keep(world, way_out)


def _keep(world: subprocess.Popen[bytes], way_out: WayOut | None) -> None:
    """Wait for the end of the world, and keep the way out of it until then."""
    if way_out:
        ended = os.pidfd_open(world.pid)
        while not select.select([ended], [], [], _LOOK_S)[0]:
            way_out.keep()
        way_out.end()
    world.wait()


def _begun(state: State, held: int, *, resolver: bool) -> tuple[subprocess.Popen[bytes], str]:
    """Start PID 1, and give what it says: that it is ready, or what failed.

    It has the world's lock too: the kernel may forget that PID 1 is to end with this process.
    """
    receiver, sender = os.pipe()
    argv = [sys.executable, "-P", "-m", init.__name__, str(state.folder), str(sender), str(int(resolver))]
    world = subprocess.Popen([*_DIES, *UNSHARE, *argv], pass_fds=(sender, held))
    os.close(sender)
    with os.fdopen(receiver, encoding="utf-8") as answers:
        return world, answers.readline().strip() or _last_line(state.log)


def _child(pid: int) -> int:
    """The one child of a process."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii"))


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "its processes ended without a word"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
