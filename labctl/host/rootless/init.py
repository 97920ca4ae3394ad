"""PID 1 of a user's own libvirt: makes the inside, and runs libvirtd until no lab is left and nobody is inside.

`python -m labctl.host.rootless.init FOLDER TOLD RESOLVER`: the world's folder, the descriptor on which its holder is
told, and 1 where names are asked of pasta. When it ends, the kernel ends every process inside.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from labctl.host.rootless import contents
from labctl.host.rootless.daemon import Daemon
from labctl.host.rootless.state import State, taken

READY = "ready"
DAEMONS = (  # and where they answer
    ("virtlogd", "/run/libvirt/virtlogd-sock"),
    ("libvirtd", "/run/libvirt/libvirt-sock"),
)
IDLE_S = 60.0  # how long the world stays when it is of no use any more
_LOOK_S = 5.0
# What says that there is a lab, or something else that somebody made: domains and networks, defined or running
_OBJECTS = (
    "etc/libvirt/qemu",
    "etc/libvirt/qemu/networks",
    "run/libvirt/qemu",
    "run/libvirt/network",
)
_HEARD = (signal.SIGTERM, signal.SIGCHLD)


def main(folder: Path, told: int, *, resolver: bool) -> None:
    """Be PID 1."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    os.umask(0o022)
    daemons = [Daemon(program, place, _unblocked, _tell) for program, place in DAEMONS]
    with os.fdopen(told, "w", encoding="utf-8") as holder:
        try:
            used = State(folder).open_lock("used.lock")  # the same one wherever the folder is moved
            contents.fill(folder, resolver=resolver)
            if resolver:
                have_one_address()
            for each in daemons:
                each.start()
        except (contents.Failed, OSError) as error:
            holder.write(f"{error}\n")
            return
        holder.write(f"{READY}\n")
    _live(folder, used, daemons, resolver=resolver)
    for each in reversed(daemons):
        each.end()


def _unblocked() -> None:
    """Let a daemon hear the signals that PID 1 waits for: what it starts has its mask."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEARD)


def _tell(text: str) -> None:
    """Write to the log of the world, as far as its disk has room."""
    with suppress(OSError):
        os.write(2, f"{text}\n".encode(errors="backslashreplace"))


def _live(folder: Path, used: int, daemons: list[Daemon], *, resolver: bool) -> None:
    """Reap what ends, keep what has to be there, and see when the world is of no use.

    `used` is the lock of those that are inside. Once this process has it, nobody gets in until the world has ended.
    """
    needed = time.monotonic()
    while True:
        heard = signal.sigtimedwait(_HEARD, _LOOK_S)
        if heard and heard.si_signo == signal.SIGTERM:
            break
        ended = reaped()
        for each in daemons:
            each.keep(ended)
        if resolver:
            keep_resolver(folder)
        if deleted(used):
            _tell(f"{folder} was deleted")
            break
        if has_objects():
            needed = time.monotonic()
        elif time.monotonic() - needed > IDLE_S and alone(used):
            break


def have_one_address() -> None:
    """See that guests do not cut each other off on their way out. What hinders that is told."""
    try:
        contents.have_one_address()
    except contents.Failed as error:
        _tell(f"guests of networks with `mode: open` may cut off the connections of others: {error}")


def keep_resolver(folder: Path) -> None:
    """See that names are asked of pasta. What hinders that is told, and tried again at the next look."""
    try:
        contents.cover_resolver(folder)
    except (contents.Failed, OSError) as error:
        _tell(f"/etc/resolv.conf: {error}")


def reaped() -> set[int]:
    """Reap all processes that ended; their PIDs."""
    found = set()
    with suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            found.add(pid)
    return found


def has_objects(root: Path = Path("/")) -> bool:
    """Whether there is a lab, or something else that somebody made. A home that is away for a moment may have some."""
    try:
        return any(map(_has_xml, (root / each for each in _OBJECTS)))
    except OSError:
        return True


def _has_xml(folder: Path) -> bool:
    """Whether a folder has a file of XML. What pathlib searches is empty where it can't be read."""
    try:
        names = os.listdir(folder)  # noqa: PTH208  # as above
    except FileNotFoundError:
        return False
    return any(name.endswith(".xml") for name in names)


def alone(used: int) -> bool:
    """Whether no labctl is inside; then none gets in any more: the lock is this process's until it ends."""
    try:
        return taken(used)
    except OSError:
        return False  # as above


def deleted(descriptor: int) -> bool:
    """Whether a file has no name any more. One on another machine, which does not answer, has."""
    try:
        return os.fstat(descriptor).st_nlink == 0
    except OSError:
        return False


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), resolver=sys.argv[3] == "1")
