"""The sha256 of large files of this host, computed again only when a file has changed.

A file is unchanged while its device, inode, size, mtime and ctime are the same; git decides in the same way. labctl
keeps nothing else of what it reads from one run to the next (docs/adr/0013).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, cast

from labctl.core.errors import LabctlError
from labctl.host.files import cache, checked
from labctl.host.files.private import write_private
from labctl.host.files.regular import open_regular

if TYPE_CHECKING:
    import io
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

MOST = 200  # how many digests are kept
MOST_BYTES = 1 << 20  # of the file that keeps them
SETTLED_NS = 2 * 10**9  # two writes to a file within one tick of the clock leave the same times


def file_digest(path: Path, opening: Callable[[Path], BinaryIO] = open_regular) -> str:
    """Give the sha256 of a regular file in hex; `opening` opens it.

    Raises:
        LabctlError: it is no regular file, or something writes to it while it is read.
        OSError: the file can't be read.
    """
    path = path.absolute()
    with opening(path) as file:
        facts = os.fstat(file.fileno())  # of the open file: the path may lead to another one by now
        state, settled = _state(path, facts), _is_settled(facts)
        if settled and (known := _remembered().get(state)):
            return known
        digest = hashlib.file_digest(cast("io.FileIO", file), "sha256").hexdigest()
        if _state(path, os.fstat(file.fileno())) != state:
            raise LabctlError(
                "it was written to while it was read", where=str(path), hint="is a VM using it?"
            )
    if settled:
        _remember(state, digest)
    return digest


def _state(path: Path, facts: os.stat_result) -> str:
    """A text that differs for another file, and for another content of the same file."""
    return f"{facts.st_dev} {facts.st_ino} {facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns} {path}"


def _is_settled(facts: os.stat_result) -> bool:
    """Whether a later write would change the state. The ctime is the time of the last change; nobody can set it."""
    return time.time_ns() - facts.st_ctime_ns > SETTLED_NS


def _remembered() -> dict[str, str]:
    """State of a file → its digest; empty if the cache is missing, damaged or not this user's own."""
    try:
        path = _kept_file()
        with checked.folder_of(path) as within:
            return dict(json.loads(checked.read(path.name, within, path, MOST_BYTES)))
    except (OSError, ValueError, TypeError, LabctlError):
        return {}


def _remember(state: str, digest: str) -> None:
    """Keep a digest for the next run. If the cache can't be written, that run computes the digest again."""
    latest = list(_remembered().items())[1 - MOST :]
    try:
        write_private(_kept_file(), json.dumps(dict([*latest, (state, digest)])).encode())
    except (OSError, LabctlError):
        return


def _kept_file() -> Path:
    return cache.folder("digests") / "sha256.json"
