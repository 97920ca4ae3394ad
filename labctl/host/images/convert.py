"""Conversion of other hypervisors' images to qcow2, on the user's request. `convertible` says which are refused."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from labctl.core.errors import LabctlError
from labctl.host.files import os_errors
from labctl.host.images import convertible, qcow2, qemu_img
from labctl.host.images.untrusted import opened_file

if TYPE_CHECKING:
    from collections.abc import Callable

    Progress = Callable[[int, int], None]  # bytes of the disk that are done, bytes of the disk in all


def convert(source: Path, target: Path, progress: Progress, *, limit_bytes: int) -> qcow2.Header:
    """Convert a VMDK, VDI, VHDX or VHD to the qcow2 `target`, a file of mode 0600 that appears only when complete.

    LabctlError when `target` exists, `source` is refused, its disk has more than `limit_bytes`, or QEMU can't read it.
    """
    if os.path.lexists(target):
        raise LabctlError("it exists already", where=str(target))
    with opened_file(source) as (file, size):
        found = convertible.inspect_file(file, size, str(source))
        if found.virtual_size > limit_bytes:
            raise LabctlError(
                f"a disk of {found.virtual_size} bytes, more than the {limit_bytes} allowed",
                where=str(source),
            )
        return _converted(
            qemu_img.OpenImage(file, found.format, found.virtual_size), source, target, progress
        )


def _converted(image: qemu_img.OpenImage, source: Path, target: Path, progress: Progress) -> qcow2.Header:
    before = _state(image.file)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise os_errors.as_labctl_error(error, "can't write the image", target) from error
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
        raise os_errors.as_labctl_error(error, "can't write the image", target) from error
    else:
        return header
    finally:
        part.unlink(missing_ok=True)


def _checked(result: BinaryIO, virtual_size: int, target: Path) -> qcow2.Header:
    """Check the result by the same rules as any untrusted image, and return its header."""
    header = qcow2.inspect_file(result, os.fstat(result.fileno()).st_size, str(target))
    if header.format != "qcow2" or header.virtual_size > virtual_size:
        raise LabctlError("qemu-img made something else of it", where=str(target))
    return header


def _state(file: BinaryIO) -> tuple[int, int, int]:
    """Size and times, which differ once the content was changed: nobody can set the ctime back."""
    facts = os.fstat(file.fileno())
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
