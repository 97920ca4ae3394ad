"""The digest of a file or a folder with all that is in it."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, cast

from labctl.core.errors import LabctlError
from labctl.host.files import os_errors
from labctl.host.files.digests import file_digest
from labctl.host.files.regular import open_regular

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

MOST_FILES = 100_000


def content_digest(path: Path) -> str:
    """A digest of the modes and the content of a file or folder; empty if there is none. Links are not followed.

    Raises:
        LabctlError: it can't be read, or has too many files.
    """
    with os_errors.translated("can't read it", path):
        if not path.exists():
            return ""
        if not path.is_dir():
            return f"{stat.S_IMODE(path.stat().st_mode):o}-{file_digest(path)}"
        digest = hashlib.sha256()
        for count, part in enumerate(_parts(path)):
            if count > MOST_FILES:
                raise LabctlError(f"it has more than {MOST_FILES:,} files", where=str(path))
            digest.update(os.fsencode(part) + b"\0")
        return digest.hexdigest()


def _parts(folder: Path) -> Iterator[str]:
    """A text for each entry, which differs where that does."""
    yield f"{stat.S_IMODE(folder.stat().st_mode):o}"
    for place, folders, files in os.walk(folder, onerror=_raised):
        folders.sort()
        for name in sorted([*folders, *files]):
            each = Path(place, name)
            mode = each.lstat().st_mode
            what = ""
            if stat.S_ISLNK(mode):
                what = str(each.readlink())
            elif stat.S_ISREG(mode):
                with open_regular(each) as file:
                    what = hashlib.file_digest(cast("io.FileIO", file), "sha256").hexdigest()
            yield f"{each.relative_to(folder)}\0{mode:o}\0{what}"


def _raised(error: OSError) -> None:
    raise error
