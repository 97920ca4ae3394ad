"""VHD, the format of Virtual PC's disks, which QEMU calls `vpc`: Microsoft's VHD specification 1.0.

The file states its size in bytes and as a geometry. QEMU (block/vpc.c) uses the one or the other depending on the
program that made the file, unless an option says which (see qemu_img.py). In a sound file, the size in bytes is never
less than that of the geometry.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple

from labctl.host.images.untrusted import check_virtual_size, read_at, read_struct, refuse

MAGIC, MAGIC_DYNAMIC = b"conectix", b"cxsparse"
SECTOR = 512
FOOTER = struct.Struct(">8sIIQI4sHH4sQQHBBII16sB")
DYNAMIC_HEADER = struct.Struct(">8sQQIIII16sII512s192s")
FIXED, DYNAMIC = 2, 3
MAX_BLOCK = 256 << 20


class _Footer(NamedTuple):
    """The footer; sizes in bytes."""

    cookie: bytes
    features: int
    version: int
    data_offset: int
    timestamp: int
    creator_app: bytes
    creator_major: int
    creator_minor: int
    creator_os: bytes
    original_size: int
    current_size: int
    cylinders: int
    heads: int
    sectors: int
    disk_type: int
    checksum: int
    uuid: bytes
    saved_state: int


class _Dynamic(NamedTuple):
    """The header of a dynamic disk; sizes in bytes."""

    cookie: bytes
    data_offset: int
    table_offset: int
    version: int
    max_table_entries: int
    block_size: int
    checksum: int
    parent_uuid: bytes
    parent_timestamp: int
    reserved: int
    parent_name: bytes
    parent_locators: bytes


def virtual_size(file: BinaryIO, size: int) -> int:
    """Check the headers and return the disk's size in bytes. LabctlError if it has a parent disk or is damaged."""
    # A dynamic disk has a copy of its footer at the start, which QEMU reads first
    grows = read_at(file, 0, len(MAGIC)) == MAGIC
    footer = _Footer(*read_struct(file, 0 if grows else max(0, size - SECTOR), FOOTER, "VHD"))
    if footer.disk_type not in (FIXED, DYNAMIC):
        refuse("a VHD that needs a parent disk", "Merge-VHD makes one of the two, if you trust both")
    if (footer.disk_type == DYNAMIC) != grows:
        refuse("a VHD whose header is not where its type wants it", "it may be truncated")
    check_virtual_size(footer.current_size)
    if grows:
        _check_dynamic(_Dynamic(*read_struct(file, footer.data_offset, DYNAMIC_HEADER, "VHD")), footer, size)
    elif footer.current_size > size:
        refuse("a truncated VHD", "compare its size and checksum with its origin's")
    return footer.current_size


def _check_dynamic(header: _Dynamic, footer: _Footer, size: int) -> None:
    if header.cookie != MAGIC_DYNAMIC:
        refuse("a VHD without its second header", "it may be damaged")
    if any(header.parent_uuid) or any(header.parent_name) or any(header.parent_locators):
        refuse("a VHD that names a parent disk", "Merge-VHD makes one of the two, if you trust both")
    if header.block_size.bit_count() != 1 or not SECTOR <= header.block_size <= MAX_BLOCK:
        refuse(f"a VHD in blocks of {header.block_size} bytes")
    if header.max_table_entries * header.block_size < footer.current_size:
        refuse("a VHD whose size does not fit its tables")
    if header.table_offset + header.max_table_entries * 4 > size:
        refuse("a truncated VHD: its tables are beyond its end")
