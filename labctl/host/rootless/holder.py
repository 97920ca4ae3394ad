"""The process outside that keeps a user's own libvirt: it makes the namespaces, and pasta as the way out of them.

`python -m labctl.host.rootless.holder FOLDER TOLD`: the world's folder, and the descriptor on which its
starter is told.
It and all that it started end together, whatever kills it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from labctl.core.errors import LabctlError
from labctl.host.machine import command, processes
from labctl.host.rootless import contents, init
from labctl.host.rootless.state import Holder, State

UNSHARE = (
    "unshare", "--user", "--map-root-user", "--map-auto",
    "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
)  # fmt: skip
# Nothing of the machine's loopback and of the world's leads to the other; addresses and names are the machine's
PASTA = (
    "--foreground", "--quiet", "--config-net", "--no-map-gw", "--dns-forward", contents.RESOLVER,
    "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none",
)  # fmt: skip
_DIES = ("setpriv", "--pdeathsig", "KILL", "--")


def main(folder: Path, told: int) -> None:
    """Be the holder."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    state, pasta = State(folder), command.path("pasta")
    with os.fdopen(told, "w", encoding="utf-8") as starter:
        try:
            world, answer = _begun(state, resolver=pasta is not None)
            if answer != init.READY:
                starter.write(f"{answer}\n")
                return
            first = _child(world.pid)
            way_out = subprocess.Popen([*_DIES, pasta, *PASTA, str(first)]) if pasta else None
            state.write_holder(Holder(processes.identity(os.getpid()), processes.identity(first)))
            starter.write(f"{init.READY}\n")
        except (OSError, LabctlError) as error:
            starter.write(f"{error}\n")
            return
    world.wait()
    if way_out:
        way_out.terminate()
        way_out.wait()


def _begun(state: State, *, resolver: bool) -> tuple[subprocess.Popen[bytes], str]:
    """Start PID 1, and give what it says: that it is ready, or what failed."""
    receiver, sender = os.pipe()
    argv = [sys.executable, "-P", "-m", init.__name__, str(state.folder), str(sender), str(int(resolver))]
    world = subprocess.Popen([*_DIES, *UNSHARE, *argv], pass_fds=(sender,))
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
    main(Path(sys.argv[1]), int(sys.argv[2]))
