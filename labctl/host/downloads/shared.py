"""The images of this machine that all of its users may take: a folder of files that are named by their digests.

Nothing is ever written there. A file counts only if its content has the digest that is wanted.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.size import format_size
from labctl.host.files.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.host.downloads.partial import PartialDownload

VARIABLE = "LABCTL_IMAGES_DIR"
_USUAL = "/var/lib/labctl/images"
_PIECE = 1 << 20


class Unusable(LabctlError):
    """There is a file of that name, but it is not to be used."""


def copied(
    algorithm: str, digest: str, limit: int, into: PartialDownload, progress: Callable[[int, int], None]
) -> bool:
    """Copy the file with this digest, as `sha256-HEX`, if there is one of at most `limit` bytes; whether there was.

    Raises:
        Unusable: it is something else than its name says, or this user can't read it.
        OSError: the copy can't be written.
        LabctlError: the disk is full.
    """
    path = Path(os.environ.get(VARIABLE) or _USUAL) / f"{algorithm}-{digest}"
    try:
        file = open_regular(path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise Unusable(f"can't read it: {error.strerror}", where=str(path)) from error
    except LabctlError as error:
        raise Unusable("not a file", where=str(path)) from error
    with file:
        total = os.fstat(file.fileno()).st_size
        if total > limit:
            raise Unusable(f"it has more than {format_size(limit)}", where=str(path))
        into.restart()
        into.require(total)
        while piece := file.read(min(_PIECE, total - into.size)):  # it may grow meanwhile
            into.append(piece)
            progress(into.size, total)
    if into.digest != digest:
        into.restart()
        raise Unusable(f"its content has another {algorithm}", where=str(path))
    return True
