"""libvirt's storage errors as LabctlErrors."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import libvirt

from labctl.core.errors import LabctlError
from labctl.host.libvirt.connection import hint_for

if TYPE_CHECKING:
    from collections.abc import Iterator

QUOTED_PATH = re.compile(r"'(/[^']+)'")


@contextmanager
def translated(doing: str, *, where: str = "") -> Iterator[None]:
    """Raise libvirt's errors of the block as LabctlErrors that say what failed, with a hint if one is known."""
    try:
        yield
    except libvirt.libvirtError as error:
        message = error.get_error_message() or str(error)
        raise LabctlError(f"{doing}: {message}", hint=_hint(message), where=where) from error


@contextmanager
def ignoring(text: str, *codes: int) -> Iterator[None]:
    """Ignore libvirt's errors of the block with one of these codes, or with this text in their message."""
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() not in codes and not (text and text in str(error)):
            raise


def _hint(message: str) -> str:
    path = QUOTED_PATH.search(message)
    if "ermission denied" in message and path:
        closed = closed_folder(Path(path[1]))
        if closed:
            return f"others may not enter {closed}: chmod o+x {closed}"
        return f"see who may access {path[1]} with: namei -l {path[1]}"
    return hint_for(message)


def closed_folder(path: Path) -> Path | None:
    """The first folder above a local path that others, as QEMU's user, can't enter; None without one."""
    for folder in reversed(path.parents):
        try:
            if not folder.stat().st_mode & 0o001:
                return folder
        except OSError:
            return None
    return None
