"""Small things that a run keeps for the next, in the user's cache: without them all is the same, and takes longer.

Without pathlib, since finding them has to be quicker than doing without.
"""

from __future__ import annotations

import os
import stat
import time
import zlib
from contextlib import suppress

LONGEST = 245  # bytes that a file's name can have, with ten to spare for a temporary one's
MOST = 200  # files of a kind
_SUM = 4  # bytes: what a crash of the host left half written must not be taken for anything
SETTLED_NS = 2 * 10**9  # a file that changes twice within a tick of its clock shows one change


def entry(kind: str, name: str) -> str | None:
    """The file where something of this kind and name is kept; None where the name is too long for one."""
    folder = os.environ.get("LABCTL_CACHE_DIR")  # as host.cache has it
    if not folder:
        caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        if caches.startswith("~"):
            return None  # nobody knows whose home that is
        folder = os.path.join(caches, "labctl")
    file = name.replace("%", "%%").replace("/", "%-")
    return os.path.join(folder, kind, file) if len(os.fsencode(file)) <= LONGEST else None


def read(path: str) -> bytes:
    """What was kept; nothing where there is none, where it is broken, and where somebody else wrote it."""
    try:
        with open(path, "rb") as file:
            data = file.read() if os.fstat(file.fileno()).st_uid == os.geteuid() else b""
    except OSError:
        return b""
    return data[_SUM:] if data[:_SUM] == _sum(data[_SUM:]) else b""


def write(path: str, data: bytes) -> None:
    """Keep it, in place of what was there; where that can't be, nothing happens."""
    from pathlib import Path

    from labctl.core.errors import LabctlError
    from labctl.host.access.keys import write_private

    try:
        write_private(Path(path), _sum(data) + data)
        _make_room(os.path.dirname(path))
    except (OSError, LabctlError):
        return


def _make_room(folder: str) -> None:
    """Labs that come and go, as those of tests, have each a path of its own: of a kind the latest are enough."""
    with os.scandir(folder) as files:
        oldest_first = sorted((each.stat().st_mtime_ns, each.path) for each in files)
    for _, path in oldest_first[:-MOST]:
        os.unlink(path)


def _sum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(_SUM)


def drop(path: str | None) -> None:
    """Forget it; that nothing was kept is no error."""
    if path:
        with suppress(OSError):
            os.unlink(path)


def state(path: str | os.PathLike[str]) -> tuple[int, ...] | None:
    """What changes when a file's content does, as for make and git: its device, inode, size, mtime and ctime.

    None where it can't be seen, or is no regular file, as a pipe or a device.
    """
    try:
        facts = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(facts.st_mode):
        return None
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def settled(state: tuple[int, ...] | None) -> bool:
    """Whether a state, asked for just now, is of a file that was not just written to.

    Else it may be written to once more and look the same. The ctime tells, which nobody can set.
    """
    return state is not None and time.time_ns() - state[4] > SETTLED_NS
