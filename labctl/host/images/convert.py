"""Conversion of other hypervisors' images to qcow2, on the user's request. `convertible` says which are refused."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from labctl.core.errors import LabctlError
from labctl.host.files import os_errors
from labctl.host.images import convertible, qcow2, qemu_img, sparse
from labctl.host.images.untrusted import opened_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Progress = Callable[[int, int], None]  # bytes of the disk that are done, bytes of the disk in all


def convert(source: Path, target: Path, progress: Progress, *, limit_bytes: int) -> qcow2.Header:
    """Convert a VMDK, VDI, VHDX or VHD to the qcow2 `target`, a file of mode 0600 that appears only when complete.

    LabctlError when `target` exists, `source` is refused, its disk has more than `limit_bytes`, or QEMU can't read it.
    """
    if os.path.lexists(target):
        raise LabctlError("it exists already", where=str(target))
    with opened_file(source) as (file, _size):
        _inspected(file, source, limit_bytes)  # so that what is refused is not copied
        with _copied(file, target) as copy:
            image = _inspected(copy, source, limit_bytes)
            return _converted(image, source, target, progress)


def _inspected(file: BinaryIO, source: Path, limit_bytes: int) -> qemu_img.OpenImage:
    found = convertible.inspect_file(file, os.fstat(file.fileno()).st_size, str(source))
    if found.virtual_size > limit_bytes:
        raise LabctlError(
            f"a disk of {found.virtual_size} bytes, more than the {limit_bytes} allowed", where=str(source)
        )
    return qemu_img.OpenImage(file, found.format, found.virtual_size)


@contextmanager
def _copied(file: BinaryIO, target: Path) -> Iterator[BinaryIO]:
    """Give a copy beside the target: another user can't change it between the look at its header and QEMU."""
    with os_errors.translated("can't write the image", target):
        copy = cast("BinaryIO", tempfile.TemporaryFile(dir=target.parent, buffering=0))  # noqa: SIM115
    with copy:
        with os_errors.translated("can't copy the image", target):
            sparse.copy(file, copy, target.parent, lambda _done, _total: None)
            os.fchmod(copy.fileno(), 0o444)  # for qemu-img, which runs as the user nobody
        yield copy


def _converted(image: qemu_img.OpenImage, source: Path, target: Path, progress: Progress) -> qcow2.Header:
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise os_errors.as_labctl_error(error, "can't write the image", target) from error
    part = Path(name)
    try:
        with os.fdopen(descriptor, "r+b", buffering=0) as result:
            try:
                qemu_img.convert(image, result, progress)
            except LabctlError as error:
                raise LabctlError(error.summary, hint=error.hint, where=str(source)) from error
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
