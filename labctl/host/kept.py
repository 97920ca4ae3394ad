"""Small things that a run keeps for the next, in the user's cache: without them all is the same, and takes longer.

Without pathlib, since finding them has to be quicker than doing without.
"""

from __future__ import annotations

import os

LONGEST = 250  # bytes that a file's name can have, with some to spare for a temporary one


def entry(kind: str, name: str) -> str | None:
    """The file where something of this kind and name is kept; None where the name is too long for one."""
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if caches.startswith("~"):
        return None  # nobody knows whose home that is
    folder = os.environ.get("LABCTL_CACHE_DIR") or os.path.join(caches, "labctl")  # as host.cache has it
    file = name.replace("%", "%%").replace("/", "%-")
    return os.path.join(folder, kind, file) if len(os.fsencode(file)) < LONGEST else None


def read(path: str) -> bytes:
    """What was kept; nothing where there is none, or where somebody else wrote it."""
    try:
        with open(path, "rb") as file:
            return file.read() if os.fstat(file.fileno()).st_uid == os.geteuid() else b""
    except OSError:
        return b""


def write(path: str, data: bytes) -> None:
    """Keep it, in place of what was there; where that can't be, nothing happens."""
    from pathlib import Path

    from labctl.core.errors import LabctlError
    from labctl.host.keys import write_private

    try:
        write_private(Path(path), data)
    except (OSError, LabctlError):
        return
