"""Images of other hypervisors that may be converted, which their headers decide before QEMU sees the file.

The whole disk has to be in the one file. An image that names another file (a parent disk, extents), or that claims
sizes which its file can't have, is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Literal

from labctl.core.record import record
from labctl.host.images.convertible import vdi, vhd, vhdx, vmdk
from labctl.host.images.signatures import is_vmdk_descriptor
from labctl.host.images.untrusted import check_virtual_size, errors_naming, read_at, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    Parser = Callable[[BinaryIO, int], int]

Format = Literal["vmdk", "vdi", "vhdx", "vpc"]

__all__ = ["ConvertibleImage", "Format", "inspect_file"]


@record
class ConvertibleImage:
    """The format of an image, in QEMU's words, and its `virtual_size` in bytes."""

    format: Format
    virtual_size: int


def inspect_file(file: BinaryIO, size: int, where: str) -> ConvertibleImage:
    """Read the headers of an open, seekable file of `size` bytes; errors name `where`.

    LabctlError when it has none of these formats, or can't be converted safely.
    """
    with errors_naming(where):
        kind, parse = _kind(file, size)
        virtual_size = parse(file, size)
        check_virtual_size(virtual_size)
        return ConvertibleImage(kind, virtual_size)


def _kind(file: BinaryIO, size: int) -> tuple[Format, Parser]:
    start = read_at(file, 0, 4096)
    if start.startswith((vmdk.MAGIC, vmdk.MAGIC_ESX)) or is_vmdk_descriptor(start):
        return "vmdk", vmdk.virtual_size
    if start.startswith(vhdx.MAGIC):
        return "vhdx", vhdx.virtual_size
    if start.startswith(vdi.MAGIC, vdi.MAGIC_AT):
        return "vdi", vdi.virtual_size
    if start.startswith(vhd.MAGIC) or read_at(file, max(0, size - vhd.SECTOR), 8) == vhd.MAGIC:
        return "vpc", vhd.virtual_size
    return refuse("not a VMDK, VDI, VHDX or VHD image", "raw and qcow2 images are used as they are")
