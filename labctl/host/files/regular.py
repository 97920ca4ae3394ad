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
    # fstat judges the open file: the path may lead to another one by now
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise LabctlError("not a regular file", hint="name a file, not a folder or a device", where=str(path))
    return os.fdopen(descriptor, "rb", buffering=0)
