"""The images of this machine that all of its users may take: a folder of files that are named by their digests.

Nothing is ever written there. A file counts only if its content has the digest that is wanted.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.host.files.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.host.downloads.partial import PartialDownload

VARIABLE = "LABCTL_IMAGES_DIR"
_USUAL = "/var/lib/labctl/images"
_PIECE = 1 << 20


def copied(
    algorithm: str, digest: str, limit: int, into: PartialDownload, progress: Callable[[int, int], None]
) -> bool:
    """Copy the file with this digest, as `sha256-HEX`, if there is one of at most `limit` bytes; whether there was.

    Raises:
        OSError: the copy can't be written.
        LabctlError: the disk is full.
    """
    try:
        file = open_regular(Path(os.environ.get(VARIABLE) or _USUAL) / f"{algorithm}-{digest}")
    except (OSError, LabctlError):
        return False  # there is none, or it is not for this user
    with file:
        total = os.fstat(file.fileno()).st_size
        if total > limit:
            return False
        into.restart()
        into.require(total)
        while piece := file.read(_PIECE):
            into.append(piece)
            progress(into.size, total)
    if into.digest == digest:
        return True
    into.restart()
    return False
