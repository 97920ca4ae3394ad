"""VDI, the format of VirtualBox's disks, checked as in QEMU's block/vdi.c, which also describes it."""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

from labctl.host.images.untrusted import MAX_VIRTUAL_SIZE, check_virtual_size, read_struct, refuse

MAGIC, MAGIC_AT = b"\x7f\x10\xda\xbe", 0x40
SECTOR = 512
BLOCK = 1 << 20
HEADER = struct.Struct("<64s4sIIII256sIIIIIIIQIIII16s16s16s16s")
VERSION = 0x10001
DYNAMIC, FIXED = 1, 2
NO_UUID = bytes(16)


class _Header(NamedTuple):
    """The header; offsets and sizes in bytes."""

    text: bytes
    signature: bytes
    version: int
    header_size: int
    image_type: int
    image_flags: int
    description: bytes
    offset_bmap: int
    offset_data: int
    cylinders: int
    heads: int
    sectors: int
    sector_size: int
    unused: int
    disk_size: int
    block_size: int
    block_extra: int
    blocks_in_image: int
    blocks_allocated: int
    uuid_image: bytes
    uuid_last_snap: bytes
    uuid_link: bytes
    uuid_parent: bytes


def virtual_size(file: BinaryIO, size: int) -> int:
    """Check the header and return the disk's size in bytes. LabctlError if it has a parent disk or is damaged."""
    header = _Header(*read_struct(file, 0, HEADER, "VDI"))
    if header.version != VERSION:
        refuse(f"a VDI of version {header.version >> 16}.{header.version & 0xFFFF}, and only 1.1 is known")
    if header.image_type not in (DYNAMIC, FIXED) or (header.uuid_link, header.uuid_parent) != (
        NO_UUID,
        NO_UUID,
    ):
        refuse("a VDI that needs a parent disk", "VBoxManage clonemedium merges the two, if you trust both")
    check_virtual_size(header.disk_size)
    if (header.sector_size, header.block_size) != (SECTOR, BLOCK):
        refuse(f"a VDI with sectors of {header.sector_size} and blocks of {header.block_size} bytes")
    if (header.offset_bmap | header.offset_data) % SECTOR or header.offset_bmap < SECTOR:
        refuse("a VDI with misplaced tables")
    blocks = -(-header.disk_size // BLOCK)
    if (
        not blocks <= header.blocks_in_image <= MAX_VIRTUAL_SIZE // BLOCK
        or header.blocks_allocated > header.blocks_in_image
    ):
        refuse("a VDI whose size does not fit its tables")
    if max(header.offset_bmap + header.blocks_in_image * 4, header.offset_data) > size:
        refuse(
            "a truncated VDI: its tables are beyond its end",
            "compare its size and checksum with its origin's",
        )
    return -(-header.disk_size // SECTOR) * SECTOR
