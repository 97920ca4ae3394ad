"""What is in a folder of the user's, without the contents of its files: whether it changed, and whether it has keys."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.host.files.lab_folder import TOP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST = 200_000  # files and folders, of which reading the names alone takes seconds


@record
class Tree:
    """A folder. `digest` is of the names, modes, sizes and times of all that is in it but labctl's own folders.

    `keys` says whether one of these is there, or above it: with the keys of a lab.
    """

    digest: str
    keys: bool


def look(folder: Path) -> Tree:
    """Read a folder. Links are not followed, but `folder` itself may be one.

    Raises:
        LabctlError: it has too many files.
        OSError: it can't be read.
    """
    root = os.path.realpath(folder)
    digest, keys, count = hashlib.sha256(), TOP in root.split("/"), 0
    waiting = [root]
    while waiting:
        here = waiting.pop()
        for entry in _entries(here):
            if entry.name == TOP:
                keys = True
                continue
            count += 1
            if count > MOST:
                hint = "name a folder below it, or leave it out"
                raise LabctlError(f"it has more than {MOST:,} files", where=str(folder), hint=hint)
            facts = entry.stat(follow_symlinks=False)
            digest.update(_line(os.path.relpath(entry.path, root), facts))
            if stat.S_ISDIR(facts.st_mode):
                waiting.append(entry.path)
    return Tree(digest.hexdigest()[:16], keys)


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        yield from sorted(found, key=lambda entry: entry.name)


def _line(name: str, facts: os.stat_result) -> bytes:
    """What stands for a file; the time of a folder changes with labctl's own folder in it, and says nothing more."""
    folder = stat.S_ISDIR(facts.st_mode)
    size, changed = (0, 0) if folder else (facts.st_size, facts.st_mtime_ns)
    return f"{os.fsencode(name)!r} {facts.st_mode:o} {size} {changed}\n".encode()
