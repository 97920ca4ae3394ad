"""VHDX, the format of Hyper-V's disks, described in Microsoft's [MS-VHDX]. QEMU reads it in block/vhdx.c.

Checksums are not verified here: QEMU refuses an image with wrong ones.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, NamedTuple
from uuid import UUID

from labctl.host.images.untrusted import check_virtual_size, read_struct, refuse

MAGIC = b"vhdxfile"
KIB, MIB = 1 << 10, 1 << 20
HEADERS_AT = (64 * KIB, 128 * KIB)
REGIONS_AT = 192 * KIB  # QEMU does not read the second copy
HEADER = struct.Struct("<4sIQ16s16s16sHHIQ")
REGION_TABLE = struct.Struct("<4sIII")
REGION = struct.Struct("<16sQII")
METADATA_TABLE = struct.Struct("<8sHH20x")
ITEM = struct.Struct("<16sIIII")
MAX_REGIONS = MAX_ITEMS = 2047
MAX_BAT_BYTES = 128 * MIB  # enough for 16 TiB in the smallest blocks
BLOCK_SIZES = tuple(1 << bits for bits in range(20, 29))
REQUIRED_REGION, REQUIRED_ITEM = 1 << 0, 1 << 2
HAS_PARENT = 1 << 1
NO_LOG = bytes(16)


def _guid(text: str) -> bytes:
    return UUID(text).bytes_le


BAT = _guid("2dc27766-f623-4200-9d64-115e9bfd4a08")
METADATA = _guid("8b7ca206-4790-4b9a-b8fe-575f050f886e")
FILE_PARAMETERS = _guid("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
VIRTUAL_DISK_SIZE = _guid("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
PAGE_83 = _guid("beca12ab-b2e6-4523-93ef-c309e000c746")
LOGICAL_SECTOR_SIZE = _guid("8141bf1d-a96f-4709-ba47-f233a8faab5f")
PHYSICAL_SECTOR_SIZE = _guid("cda348c7-445d-4471-9cc9-e9885251c556")
PARENT_LOCATOR = _guid("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")
ITEMS = (FILE_PARAMETERS, VIRTUAL_DISK_SIZE, PAGE_83, LOGICAL_SECTOR_SIZE, PHYSICAL_SECTOR_SIZE)


class _Region(NamedTuple):
    """Where a region or a metadata item is in the file, in bytes."""

    offset: int
    length: int


def virtual_size(file: BinaryIO, size: int) -> int:
    """Check the headers and return the disk's size in bytes. LabctlError if it has a parent disk or is damaged."""
    _check_log(file)
    regions = _regions(file)
    if max(region.offset + region.length for region in regions.values()) > size:
        refuse(
            "a truncated VHDX: its tables are beyond its end",
            "compare its size and checksum with its origin's",
        )
    items = _items(file, regions[METADATA])
    block, flags = _item(file, items[FILE_PARAMETERS], "<II")
    (disk,) = _item(file, items[VIRTUAL_DISK_SIZE], "<Q")
    (sector,) = _item(file, items[LOGICAL_SECTOR_SIZE], "<I")
    if flags & HAS_PARENT:
        _refuse_parent()
    check_virtual_size(disk)
    if sector != 512:
        refuse(f"a VHDX with sectors of {sector} bytes", "the partitions in it are for such disks only")
    if block not in BLOCK_SIZES or disk % sector:
        refuse(f"a VHDX of {disk} bytes in blocks of {block}")
    blocks = -(-disk // block)
    bitmaps = (blocks - 1) // ((1 << 23) * sector // block)
    if not (blocks + bitmaps) * 8 <= regions[BAT].length <= MAX_BAT_BYTES:
        refuse("a VHDX whose size does not fit its tables")
    return int(disk)


def _check_log(file: BinaryIO) -> None:
    """Refuse an image with writes that are only in its log, which the newer of the two headers tells."""
    headers = [read_struct(file, offset, HEADER, "VHDX") for offset in HEADERS_AT]
    sound = [header for header in headers if header[0] == b"head" and header[7] == 1]
    if not sound:
        refuse("a VHDX without a header", "it may be damaged")
    if max(sound, key=lambda header: int(header[2]))[5] != NO_LOG:
        refuse("a VHDX that was not closed properly", "open and close it once where it was made")


def _regions(file: BinaryIO) -> dict[bytes, _Region]:
    """Find the regions of the block allocation table and of the metadata. LabctlError unless there is one of each."""
    signature, _, count, _ = read_struct(file, REGIONS_AT, REGION_TABLE, "VHDX")
    if signature != b"regi" or count > MAX_REGIONS:
        refuse("a VHDX without a region table", "it may be damaged")
    found: dict[bytes, _Region] = {}
    for index in range(count):
        at = REGIONS_AT + REGION_TABLE.size + index * REGION.size
        guid, offset, length, flags = read_struct(file, at, REGION, "VHDX")
        if guid in found or (guid not in (BAT, METADATA) and flags & REQUIRED_REGION):
            refuse("a VHDX with unknown or repeated regions")
        if guid in (BAT, METADATA):
            found[guid] = _Region(offset, length)
    if len(found) < 2 or any(region.offset < MIB for region in found.values()):
        refuse("a VHDX with missing or misplaced tables")
    return found


def _items(file: BinaryIO, region: _Region) -> dict[bytes, _Region]:
    """Find the metadata items. LabctlError if one is missing, unknown but required, or names a parent disk."""
    signature, _, count = read_struct(file, region.offset, METADATA_TABLE, "VHDX")
    if signature != b"metadata" or count > MAX_ITEMS:
        refuse("a VHDX without metadata", "it may be damaged")
    found: dict[bytes, _Region] = {}
    for index in range(count):
        at = region.offset + METADATA_TABLE.size + index * ITEM.size
        guid, offset, length, flags, _ = read_struct(file, at, ITEM, "VHDX")
        if guid == PARENT_LOCATOR:
            _refuse_parent()
        if guid in found or (guid not in ITEMS and flags & REQUIRED_ITEM):
            refuse("a VHDX with unknown or repeated metadata")
        found[guid] = _Region(region.offset + offset, length)
    if not set(ITEMS) <= set(found):
        refuse("a VHDX whose metadata lack something", "it may be damaged")
    return found


def _item(file: BinaryIO, item: _Region, layout: str) -> tuple[int, ...]:
    return read_struct(file, item.offset, struct.Struct(layout), "VHDX")


def _refuse_parent() -> None:
    refuse(
        "a VHDX that needs a parent disk", "Merge-VHD or Convert-VHD makes one of the two, if you trust both"
    )
