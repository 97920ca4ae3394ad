"""Folders and files for their owner alone, and files that are written completely or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from labctl.host.files import os_errors


def private_folder(path: Path) -> None:
    """Make a folder that only its owner can enter, with its parents.

    Raises:
        LabctlError: it can't be made, or someone else owns it.
    """
    with os_errors.translated("can't make it a folder of your own", path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)


def write_private(path: Path, data: bytes) -> None:
    """Write a file for its owner alone, in a private folder."""
    private_folder(path.parent)
    write_atomically(path, data, 0o600)


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
