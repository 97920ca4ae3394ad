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

from labctl.host.machine import command, processes
from labctl.host.rootless import contents, init
from labctl.host.rootless.state import Holder, State

UNSHARE = (
    "unshare", "--user", "--map-root-user", "--map-auto",
    "--mount", "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
)  # fmt: skip
# Nothing of the machine's loopback and of the world's leads to the other; addresses and names are the machine's
PASTA = (
    "pasta", "--foreground", "--quiet", "--config-net", "--no-map-gw", "--dns-forward", contents.RESOLVER,
    "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none",
)  # fmt: skip
_DIES = ("setpriv", "--pdeathsig", "KILL", "--")


def main(folder: Path, told: int) -> None:
    """Be the holder."""
    with os.fdopen(told, "w", encoding="utf-8") as starter:
        receiver, sender = os.pipe()
        pasta = command.path("pasta")
        argv = [sys.executable, "-P", "-m", init.__name__, str(folder), str(sender), str(int(bool(pasta)))]
        world = subprocess.Popen([*_DIES, *UNSHARE, *argv], pass_fds=(sender,))
        os.close(sender)
        with os.fdopen(receiver, encoding="utf-8") as answers:
            answer = answers.readline().strip()
        if answer != init.READY:
            starter.write(f"{answer or _last_line(State(folder).log)}\n")
            return
        first = _child(world.pid)
        if pasta:
            subprocess.Popen([*_DIES, pasta, *PASTA[1:], str(first)])
        identities = Holder(processes.identity(os.getpid()), processes.identity(first))
        State(folder).write_holder(identities)
        starter.write(f"{init.READY}\n")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    world.wait()


def _child(pid: int) -> int:
    """The one child of a process."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii"))


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "its processes ended without a word"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
