"""Folders and files for their owner alone, and files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from labctl.host.files import local


def private_folder(path: Path) -> None:
    """Make a folder that only its owner can enter, with its parents.

    Raises:
        LabctlError: it can't be made, or someone else owns it.
    """
    with local.told("can't make it a folder of your own", path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)


def write_private(path: Path, data: bytes) -> None:
    """Write a file for its owner alone, in a folder of the same kind."""
    private_folder(path.parent)
    write_whole(path, data, 0o600)


def write_whole(path: Path, data: bytes, mode: int) -> None:
    """Write a file whole or not at all, never through a link that someone planted. OSError when it can't be."""
    import tempfile  # most runs write nothing

    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
