"""PID 1 of a user's own libvirt: makes the inside, runs libvirtd, and ends when no lab is left and nobody is inside.

`python -m labctl.host.rootless.init FOLDER TOLD RESOLVER`: the world's folder, the descriptor on which its holder is
told, and 1 where names are asked of pasta. When it ends, the kernel ends every process inside.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from labctl.host.rootless import contents
from labctl.host.rootless.state import State, taken

READY = "ready"
SOCKET = "/run/libvirt/libvirt-sock"
START_S = 120.0  # for libvirtd to answer: the machine does other things too
IDLE_S = 60.0  # how long the world stays when it is of no use any more
_LOOK_S = 5.0
_POLL_S = 0.02
_END_S = 10.0
# What says that there is a lab, or something else that somebody made: domains and networks, defined or running
_OBJECTS = (
    "/etc/libvirt/qemu/*.xml",
    "/etc/libvirt/qemu/networks/*.xml",
    "/run/libvirt/qemu/*.xml",
    "/run/libvirt/network/*.xml",
)
_HEARD = (signal.SIGTERM, signal.SIGCHLD)


def main(folder: Path, told: int, *, resolver: bool) -> None:
    """Be PID 1."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    os.umask(0o022)
    with os.fdopen(told, "w", encoding="utf-8") as holder:
        try:
            contents.fill(folder, resolver=resolver)
            contents.run("virtlogd", "-d")
            libvirtd = _start()
        except (contents.Failed, OSError) as error:
            holder.write(f"{error}\n")
            return
        holder.write(f"{READY}\n")
    _live(State(folder), libvirtd, resolver=resolver)


def _start() -> subprocess.Popen[bytes]:
    """Start libvirtd, and wait until it answers.

    Raises:
        Failed: it ended, or took too long.
    """
    try:
        process = subprocess.Popen(["libvirtd"], preexec_fn=_unblocked)  # noqa: PLW1509  # one thread
    except OSError as error:
        raise contents.Failed("libvirtd", str(error)) from error
    deadline = time.monotonic() + START_S
    while not _answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise contents.Failed(
                "libvirtd", "it does not answer; /var/log/libvirt/libvirtd.log inside may say why"
            )
        time.sleep(_POLL_S)
    return process


def _unblocked() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)


def _answers() -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(SOCKET) == 0


def _live(state: State, libvirtd: subprocess.Popen[bytes], *, resolver: bool) -> None:
    """Reap what ends, keep what has to be there, and see when the world is of no use."""
    needed = time.monotonic()
    while True:
        heard = signal.sigtimedwait(_HEARD, _LOOK_S)
        if heard and heard.si_signo == signal.SIGTERM:
            break
        if reaped(libvirtd.pid):
            libvirtd = _start()
        if resolver:
            keep_resolver(state.folder)
        if any(any(Path("/").glob(each[1:])) for each in _OBJECTS):
            needed = time.monotonic()
        elif time.monotonic() - needed > IDLE_S and alone(state):
            break
    libvirtd.terminate()
    with suppress(subprocess.TimeoutExpired):
        libvirtd.wait(_END_S)


def keep_resolver(folder: Path) -> None:
    """See that names are asked of pasta. What hinders that is told, and tried again at the next look."""
    try:
        contents.cover_resolver(folder)
    except (contents.Failed, OSError) as error:
        sys.stderr.write(f"/etc/resolv.conf: {error}\n")


def reaped(libvirtd: int) -> bool:
    """Reap all processes that ended; whether libvirtd was one of them."""
    found = False
    with suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            found |= pid == libvirtd
    return found


def alone(state: State) -> bool:
    """Whether no labctl is inside; then none gets in any more: the lock is this process's until it ends."""
    lock = state.open_lock("used.lock")
    if taken(lock):
        return True
    os.close(lock)
    return False


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), resolver=sys.argv[3] == "1")
