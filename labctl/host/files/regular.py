"""Opens regular files and nothing else: never a device, and never a FIFO, at which a reader would wait for ever."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, BinaryIO

from labctl.core.errors import LabctlError

if TYPE_CHECKING:
    from pathlib import Path


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading, unbuffered.

    Raises:
        LabctlError: it is no regular file.
        OSError: it can't be opened.
    """
    _require_regular(path.stat(), path)  # a device may act when it is opened, as a watchdog does
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _require_regular(os.fstat(descriptor), path)  # the path may lead to another one by now
    except LabctlError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb", buffering=0)


def _require_regular(facts: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise LabctlError("not a regular file", hint="name a file, not a folder or a device", where=str(path))
