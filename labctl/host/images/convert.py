"""Images of other hypervisors made into qcow2, when the user asks for it. See foreign/ for what is refused."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from labctl.core.errors import LabctlError
from labctl.host.files import local
from labctl.host.images import foreign, qcow2, qemu_img
from labctl.host.images.untrusted import opened

if TYPE_CHECKING:
    from collections.abc import Callable

    Progress = Callable[[int, int], None]  # bytes of the disk done, bytes in all


def convert(source: Path, target: Path, progress: Progress, *, limit_bytes: int) -> qcow2.Header:
    """Make the qcow2 `target` (0600) of a VMDK, VDI, VHDX or VHD; it is there whole or not at all.

    LabctlError when `target` exists, `source` is refused, its disk has more than `limit_bytes`, or QEMU can't read it.
    """
    if os.path.lexists(target):
        raise LabctlError("it exists already", where=str(target))
    with opened(source) as (file, size):
        found = foreign.inspect_file(file, size, str(source))
        if found.virtual_size > limit_bytes:
            raise LabctlError(
                f"a disk of {found.virtual_size} bytes, more than the {limit_bytes} allowed",
                where=str(source),
            )
        return _converted(qemu_img.Source(file, found.format, found.virtual_size), source, target, progress)


def _converted(image: qemu_img.Source, source: Path, target: Path, progress: Progress) -> qcow2.Header:
    before = _state(image.file)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise local.failed(error, "can't write the image", target) from error
    part = Path(name)
    try:
        with os.fdopen(descriptor, "r+b", buffering=0) as result:
            try:
                qemu_img.convert(image, result, target.parent, progress)
            except LabctlError as error:
                raise LabctlError(error.summary, hint=error.hint, where=str(source)) from error
            if _state(image.file) != before:
                raise LabctlError("it was written to while it was read", where=str(source))
            header = _checked(result, image.virtual_size, target)
            os.fsync(descriptor)
        part.replace(target)
    except OSError as error:
        raise local.failed(error, "can't write the image", target) from error
    else:
        return header
    finally:
        part.unlink(missing_ok=True)


def _checked(result: BinaryIO, virtual_size: int, target: Path) -> qcow2.Header:
    """What came out is held to the same rules as what others made."""
    header = qcow2.inspect_file(result, os.fstat(result.fileno()).st_size, str(target))
    if header.format != "qcow2" or header.virtual_size > virtual_size:
        raise LabctlError("qemu-img made something else of it", where=str(target))
    return header


def _state(file: BinaryIO) -> tuple[int, int, int]:
    """What changes when the content does; the ctime can't be set back."""
    facts = os.fstat(file.fileno())
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
