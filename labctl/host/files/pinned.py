"""Paths that a yes was given to, or that needed none, used only if they still lead where they led then.

A guest that may write to a folder of the host, and what a step fetched, can put a link in the place of a file.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.host.files import os_errors

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def opened(path: Path, real: str) -> Iterator[Path]:
    """Give a path of a file or folder by a descriptor: what is put in its place in the block is not what is used.

    Raises:
        LabctlError: it leads to something else than `real`, or can't be opened.
    """
    with os_errors.translated("can't use it", path):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)  # which opens no device
    try:
        by_descriptor = Path(f"/proc/self/fd/{descriptor}")
        _require(str(by_descriptor.readlink()), real, path)
        yield by_descriptor
    finally:
        os.close(descriptor)


def check(path: Path, real: str) -> None:
    """The same for a path at which nothing needs to be.

    Raises:
        LabctlError: it leads to something else than `real`.
    """
    _require(os.path.realpath(path), real, path)


def _require(leads: str, real: str, path: Path) -> None:
    if leads != real:
        text = "it leads to another place than when it was looked at"
        raise LabctlError(
            text, where=str(path), hint="look at the links on the way to it, and who may change them"
        )
