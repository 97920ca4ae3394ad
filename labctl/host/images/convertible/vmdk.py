"""VMDK, the format of VMware's disks, where one file has the disk and its descriptor.

VMware's "Virtual Disk Format 5.0" describes the format. QEMU's block/vmdk.c, which reads it, differs in two points:
it looks for the parent's name in the 20 sectors behind the header, wherever the header says that the descriptor is; and
it takes the fields of the footer, not of the header, if the header says that the grain directory is at the end.
"""

from __future__ import annotations

import re
import struct
from typing import BinaryIO, NamedTuple, NoReturn

from labctl.host.images.untrusted import check_virtual_size, quoted, read_at, read_struct, refuse

MAGIC, MAGIC_ESX = b"KDMV", b"COWD"
SECTOR = 512
HEADER = struct.Struct("<4sIIQQQQIQQQB4sH")
MARKER = struct.Struct("<QII")  # value, size, type
FOOTER_FROM_END = 3 * SECTOR  # the footer's marker, the footer, and the marker of the stream's end
MARKER_END, MARKER_FOOTER = 0, 3
HAS_RGD = 1 << 1  # the flag of a redundant grain directory
GD_AT_END = (1 << 64) - 1

VERSIONS = (1, 2, 3)
MAX_GRAIN = 0x200000  # sectors; QEMU's limit
MAX_GRAIN_TABLE = 512
MAX_GRAIN_DIRECTORY = 8 << 20  # entries; enough for 16 TiB with the format's smallest grain
PARENT_SECTORS = 20  # where QEMU looks for the parent's name
MAX_DESCRIPTOR = 1 << 20

TYPES = ("monolithicSparse", "streamOptimized")
NO_PARENT = "ffffffff"
EXTENT = re.compile(r'\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+(\w+)(?:\s+"([^"\r\n]*)")?')
SETTING = re.compile(r'\s*(\w+)\s*=\s*"?([^"\r\n]*)')
ONE_FILE = "beside all its files, if you trust them: qemu-img convert -f vmdk -O qcow2 FILE NEW"


class _Header(NamedTuple):
    """The header of a sparse extent; offsets, sizes and capacity in sectors."""

    magic: bytes
    version: int
    flags: int
    capacity: int
    grain_size: int
    descriptor_offset: int
    descriptor_size: int
    num_gtes_per_gt: int
    rgd_offset: int
    gd_offset: int
    overhead: int
    unclean_shutdown: int
    check_bytes: bytes
    compress_algorithm: int

    @property
    def gd_entries(self) -> int:
        return -(-self.capacity // (self.grain_size * self.num_gtes_per_gt))


def virtual_size(file: BinaryIO, size: int) -> int:
    """Check the headers and return the disk's size in bytes.

    LabctlError when the disk is not completely in this file, or damaged.
    """
    start = read_at(file, 0, len(MAGIC))
    if start == MAGIC_ESX:
        refuse("a VMDK in the ESX server's sparse format", ONE_FILE)
    if start != MAGIC:
        _refuse_descriptor(read_at(file, 0, MAX_DESCRIPTOR))
    header = _Header(*read_struct(file, 0, HEADER, "VMDK"))
    _check_header(header)
    _check_descriptor(file, header)
    if header.gd_offset == GD_AT_END:
        footer = _footer(file, size)
        _check_header(footer)
        if footer.capacity != header.capacity or footer.gd_offset == GD_AT_END:
            refuse("a VMDK whose header and footer disagree")
        _check_directory(footer, size)
    else:
        _check_directory(header, size)
    return header.capacity * SECTOR


def _check_header(header: _Header) -> None:
    if header.magic != MAGIC or header.version not in VERSIONS:
        refuse(f"a VMDK of version {header.version}, and only 1 to 3 are known")
    check_virtual_size(header.capacity * SECTOR)
    if header.grain_size.bit_count() != 1 or header.grain_size > MAX_GRAIN:
        refuse(f"a VMDK with grains of {header.grain_size} sectors")
    if not 0 < header.num_gtes_per_gt <= MAX_GRAIN_TABLE or header.gd_entries > MAX_GRAIN_DIRECTORY:
        refuse("a VMDK with oversized tables")
    if header.compress_algorithm not in (0, 1):
        refuse("a VMDK with an unknown compression")


def _footer(file: BinaryIO, size: int) -> _Header:
    at = size - FOOTER_FROM_END
    if at < SECTOR or size % SECTOR:
        refuse("a truncated VMDK", "compare its size and checksum with its origin's")
    _, marker_size, kind = read_struct(file, at, MARKER, "VMDK")
    end = read_struct(file, at + 2 * SECTOR, MARKER, "VMDK")
    if (marker_size, kind) != (0, MARKER_FOOTER) or end != (0, 0, MARKER_END):
        refuse("a VMDK without its footer", "it may be truncated")
    return _Header(*read_struct(file, at + SECTOR, HEADER, "VMDK"))


def _check_directory(header: _Header, size: int) -> None:
    """Check that the grain directories lie within the file. QEMU checks their entries when it reads them."""
    last = max(header.gd_offset, header.rgd_offset if header.flags & HAS_RGD else 0)
    if not header.gd_offset or last * SECTOR + header.gd_entries * 4 > size:
        refuse("a truncated VMDK: its tables are beyond its end")
    if header.overhead * SECTOR > size:
        refuse("a truncated VMDK")


def _check_descriptor(file: BinaryIO, header: _Header) -> None:
    """Check that the embedded descriptor is of a type that consists of one file, and names no parent."""
    if header.descriptor_offset != 1 or not 0 < header.descriptor_size * SECTOR <= MAX_DESCRIPTOR:
        _refuse_part()
    seen = read_at(file, SECTOR, max(header.descriptor_size, PARENT_SECTORS) * SECTOR)
    if b"parentFileNameHint" in seen:
        refuse("a VMDK that names a parent disk", "merge the two where it was made, if you trust both")
    text = _text(seen[: header.descriptor_size * SECTOR])
    settings = _settings(text)
    if settings.get("parentcid", NO_PARENT).lower() != NO_PARENT:
        refuse("a VMDK that needs a parent disk", "merge the two where it was made, if you trust both")
    kind = settings.get("createtype", "")
    if not kind:
        _refuse_part()
    if kind not in TYPES:
        refuse(f"a VMDK of type {quoted(kind)}, and only {' and '.join(TYPES)} are converted", ONE_FILE)
    extents = _extents(text)
    if len(extents) != 1 or extents[0][0] != "SPARSE":
        refuse(f"a VMDK whose disk is in other files{_named(extents)}", ONE_FILE)


def _refuse_part() -> NoReturn:
    refuse("a VMDK without a descriptor of its own: a part of a disk in several files?", ONE_FILE)


def _refuse_descriptor(data: bytes) -> None:
    text = _text(data)
    kind = _settings(text).get("createtype", "unknown")
    refuse(
        f"a VMDK descriptor of type {quoted(kind)}: the disk is in other files{_named(_extents(text))}",
        ONE_FILE,
    )


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "replace")


def _settings(text: str) -> dict[str, str]:
    """The settings of a descriptor, names in lower case. Of several values the first counts, as in QEMU."""
    found: dict[str, str] = {}
    for match in filter(None, map(SETTING.match, text.splitlines())):
        found.setdefault(match[1].lower(), match[2].strip())
    return found


def _extents(text: str) -> list[tuple[str, str]]:
    """The type and the file name of each extent."""
    return [(match[1], match[2] or "") for match in filter(None, map(EXTENT.match, text.splitlines()))]


def _named(extents: list[tuple[str, str]]) -> str:
    names = [quoted(name) for _, name in extents if name]
    more = ", …" if len(names) > 3 else ""
    return f" ({', '.join(names[:3])}{more})" if names else ""
