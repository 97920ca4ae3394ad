"""Folders and files for their owner alone, and files that are written completely or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from labctl.core.errors import LabctlError
from labctl.host.files import os_errors


def private_folder(path: Path) -> None:
    """Make a folder that only its owner can enter, with its parents.

    Raises:
        LabctlError: it can't be made, or someone else owns it.
    """
    with os_errors.translated("can't make it a folder of your own", path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)


def user_folder(variable: str, usual: str) -> Path:
    """One of the user's own folders: what a variable of the environment says, else the usual one; it need not exist.

    Raises:
        LabctlError: it is below the user's home, which nobody knows.
    """
    path = Path(os.environ.get(variable) or usual)
    if str(path).startswith("~"):
        raise LabctlError("nobody knows your home", hint=f"set HOME, or {variable} to a folder of yours")
    return path


def write_private(path: Path, data: bytes) -> None:
    """Write a file for its owner alone, in a private folder."""
    private_folder(path.parent)
    write_atomically(path, data, 0o600)


def write_output(path: Path, data: bytes, doing: str = "can't write it") -> None:
    """Write a file that the user asked for, for all to read, as `write_atomically` does.

    Raises:
        LabctlError: it can't be written.
    """
    with os_errors.translated(doing, path):
        write_atomically(path, data, 0o644)


def write_atomically(path: Path, data: bytes, mode: int) -> None:
    """Write a file completely or not at all, and never through a link that someone planted. OSError when it fails."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
