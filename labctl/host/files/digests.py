"""The sha256 of large files of this host, counted again only when the file has changed.

A file is the same while its device, inode, size, mtime and ctime are the same, as make and git have it. These digests
are all that labctl keeps between runs of what it read (docs/adr/0013).
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.host.files import cache
from labctl.host.files.private import write_private

if TYPE_CHECKING:
    from pathlib import Path

MOST = 200  # digests that are remembered
SETTLED_NS = 2 * 10**9  # a file that is written to twice within a tick of the clock looks the same after both


def file_digest(path: Path) -> str:
    """The sha256 of a file in hex.

    Raises:
        LabctlError: the file is written to while it is read.
        OSError: it can't be read.
    """
    path = path.absolute()
    facts = path.stat()
    state, settled = _state(path, facts), _is_settled(facts)
    if settled and (known := _remembered().get(state)):
        return known
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if stat.S_ISREG(facts.st_mode) and _state(path, path.stat()) != state:
        raise LabctlError("it was written to while it was read", where=str(path), hint="is a VM using it?")
    if settled:
        _remember(state, digest)
    return digest


def _state(path: Path, facts: os.stat_result) -> str:
    """What is another text when the file is another, or its content."""
    return f"{facts.st_dev} {facts.st_ino} {facts.st_size} {facts.st_mtime_ns} {facts.st_ctime_ns} {path}"


def _is_settled(facts: os.stat_result) -> bool:
    """Whether a later change would show. The ctime tells when the file last changed, and nobody can set it."""
    return stat.S_ISREG(facts.st_mode) and time.time_ns() - facts.st_ctime_ns > SETTLED_NS


def _remembered() -> dict[str, str]:
    """The digests by the states of their files; none where the cache is missing, broken or someone else's."""
    try:
        with _notes().open("rb") as file:
            own = os.fstat(file.fileno()).st_uid == os.geteuid()
            return dict(json.load(file)) if own else {}
    except (OSError, ValueError, TypeError, LabctlError):
        return {}


def _remember(state: str, digest: str) -> None:
    """Keep a digest for the next run. Where the cache can't be written, that run counts it again."""
    latest = list(_remembered().items())[1 - MOST :]
    try:
        write_private(_notes(), json.dumps(dict([*latest, (state, digest)])).encode())
    except (OSError, LabctlError):
        return


def _notes() -> Path:
    return cache.folder("digests") / "sha256.json"
