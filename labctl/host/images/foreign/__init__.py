"""Images of other hypervisors: what may be converted, told from their headers alone, before QEMU sees the file.

Converted is what holds its whole disk in the one file. Whatever names another file (a parent, extents), or claims
sizes that its file can't have, is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Literal

from labctl.core.record import record
from labctl.host.images.foreign import vdi, vhd, vhdx, vmdk
from labctl.host.images.magic import is_vmdk_descriptor
from labctl.host.images.untrusted import check_virtual_size, naming, read, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    Parser = Callable[[BinaryIO, int], int]

Format = Literal["vmdk", "vdi", "vhdx", "vpc"]

__all__ = ["Foreign", "Format", "inspect_file"]


@record
class Foreign:
    """`format` is QEMU's name of it, `virtual_size` in bytes what a guest would see."""

    format: Format
    virtual_size: int


def inspect_file(file: BinaryIO, size: int, where: str) -> Foreign:
    """Read the headers of an open, seekable file of `size` bytes; errors name `where`.

    LabctlError when it is none of these formats, or one that can't be converted safely.
    """
    with naming(where):
        kind, parse = _kind(file, size)
        virtual_size = parse(file, size)
        check_virtual_size(virtual_size)
        return Foreign(kind, virtual_size)


def _kind(file: BinaryIO, size: int) -> tuple[Format, Parser]:
    start = read(file, 0, 4096)
    if start.startswith((vmdk.MAGIC, vmdk.MAGIC_ESX)) or is_vmdk_descriptor(start):
        return "vmdk", vmdk.virtual_size
    if start.startswith(vhdx.MAGIC):
        return "vhdx", vhdx.virtual_size
    if start.startswith(vdi.MAGIC, vdi.MAGIC_AT):
        return "vdi", vdi.virtual_size
    if start.startswith(vhd.MAGIC) or read(file, max(0, size - vhd.SECTOR), 8) == vhd.MAGIC:
        return "vpc", vhd.virtual_size
    return refuse("not a VMDK, VDI, VHDX or VHD image", "raw and qcow2 images are used as they are")
