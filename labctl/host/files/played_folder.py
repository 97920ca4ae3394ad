"""A folder as one run uses it: a digest, and a private copy of exactly the bytes that it counts.

Left out are `.git`, `.labctl`, what Python compiles, hidden folders at the top such as `.venv`, what is no file, and
folders that have none.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.size import format_size
from labctl.host.files import os_errors
from labctl.host.files.regular import open_regular

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

MOST_FILES = 10_000  # with links
MOST_BYTES = 256 << 20
_LEFT_OUT = frozenset({".git", ".labctl", "__pycache__"})
_PIECE_BYTES = 1 << 20
_OWN = "put what is needed into a folder of its own"


def digest(folder: Path, without: Collection[Path] = ()) -> str:
    """The digest of a folder, but for the files and folders in `without`.

    Raises:
        LabctlError: it can't be read, has too much in it, or a link that leads out of it.
    """
    return _taken(folder, without, None)


def copied(folder: Path, to: Path, without: Collection[Path] = ()) -> str:
    """Copy a folder into the empty folder `to`, and give the digest of what was copied.

    Raises:
        LabctlError: as `digest`.
    """
    return _taken(folder, without, to)


def counts(path: Path, root: Path, without: Collection[str]) -> bool:
    """Whether a file or folder in the folder `root` counts. All paths are real ones.

    A hidden folder at the top does not, and a hidden file there does. Of what is gone, neither is known.
    """
    parts = path.relative_to(root).parts
    hidden = parts[0].startswith(".") and (len(parts) > 1 or path.is_dir()) if parts else False
    left_out = any(str(each) in without for each in (path, *path.parents))
    return not (hidden or left_out or _LEFT_OUT & {*parts})


def _taken(folder: Path, without: Collection[Path], to: Path | None) -> str:
    root = Path(os.path.realpath(folder))
    found, left = hashlib.sha256(), MOST_BYTES
    with os_errors.translated("can't read it", root):
        for count, path in enumerate(_paths(root, {os.path.realpath(each) for each in without})):
            if count >= MOST_FILES:
                raise LabctlError(f"it has more than {MOST_FILES:,} files", where=str(root), hint=_OWN)
            name = path.relative_to(root)
            mode, new = path.lstat().st_mode, to / name if to else None
            if new:
                new.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if stat.S_ISLNK(mode):
                what = _link(root, path, new)
            else:
                what, size = _file(path, new, left)
                left -= size
                what = f"{stat.S_IMODE(mode) & 0o777:o} {what}"
                if new:
                    new.chmod(stat.S_IMODE(mode) & 0o777)
            found.update(os.fsencode(f"{name}\0{stat.S_IFMT(mode):o}\0{what}\0"))
        if to:
            _check_links(root, to)
    return found.hexdigest()


def _paths(root: Path, without: Collection[str]) -> Iterator[Path]:
    """The files and links in it, in the same order each time."""
    for place, folders, files in os.walk(root, onerror=_raised):
        kept = [name for name in sorted(folders) if counts(Path(place, name), root, without)]
        folders[:] = kept
        for name in sorted([*kept, *files]):
            path = Path(place, name)
            mode = path.lstat().st_mode
            if (stat.S_ISREG(mode) or stat.S_ISLNK(mode)) and counts(path, root, without):
                yield path


def _file(path: Path, new: Path | None, left: int) -> tuple[str, int]:
    """Read a file, into a new one if there is to be one: its digest and its size."""
    found, size = hashlib.sha256(), 0
    with open_regular(path) as file, open(new or os.devnull, "wb") as out:  # noqa: PTH123  # either
        while piece := file.read(_PIECE_BYTES):
            size += len(piece)
            if size > left:
                text = f"there is more than {format_size(MOST_BYTES)} in the folder"
                raise LabctlError(text, where=str(path), hint=_OWN)
            found.update(piece)
            out.write(piece)
    return found.hexdigest(), size


def _link(root: Path, path: Path, new: Path | None) -> str:
    text = os.readlink(path)  # noqa: PTH115  # a Path would tidy it
    inside = os.path.normpath(path.parent.relative_to(root) / text)
    real = Path(os.path.realpath(path))
    if text.startswith("/") or inside.split("/")[0] == ".." or not real.is_relative_to(root):
        raise LabctlError("a link leads out of the folder", where=str(path), hint=_OWN)
    if new:
        new.symlink_to(text)
    return text


def _check_links(root: Path, to: Path) -> None:
    """Nobody changes the copy, so that what holds of its links holds when they are used."""
    top = Path(os.path.realpath(to))
    for place, folders, files in os.walk(top):
        for name in (*folders, *files):
            if not Path(os.path.realpath(f"{place}/{name}")).is_relative_to(top):
                where = str(root / Path(place, name).relative_to(top))
                raise LabctlError("a link leads out of the folder", where=where, hint=_OWN)


def _raised(error: OSError) -> None:
    raise error
