"""VMDK: VMware's disks. Only those that lie in one file, with their descriptor inside.

The format is VMware's "Virtual Disk Format 5.0"; how QEMU reads it is in its block/vmdk.c, which matters more here: it
takes the parent's name from the 20 sectors behind the header, wherever the header says that the descriptor is, and the
footer's fields rather than the header's when the grain directory is said to be at the end.
"""

from __future__ import annotations

import re
import struct
from typing import BinaryIO, NamedTuple, NoReturn

from labctl.host.images.untrusted import check_virtual_size, read, refuse, shown, unpack

MAGIC, MAGIC_ESX = b"KDMV", b"COWD"
SECTOR = 512
HEADER = struct.Struct("<4sIIQQQQIQQQB4sH")
MARKER = struct.Struct("<QII")  # value, size, type
FOOTER_FROM_END = 3 * SECTOR  # its marker, itself, the marker of the stream's end
MARKER_END, MARKER_FOOTER = 0, 3
HAS_RGD = 1 << 1  # of the flags: there is a redundant grain directory
GD_AT_END = (1 << 64) - 1

VERSIONS = (1, 2, 3)
MAX_GRAIN = 0x200000  # sectors; QEMU's limit
MAX_GRAIN_TABLE = 512
MAX_GRAIN_DIRECTORY = 8 << 20  # entries: 16 TiB with the smallest grain that the format knows
PARENT_SECTORS = 20  # what QEMU reads for the parent's name
MAX_DESCRIPTOR = 1 << 20

TYPES = ("monolithicSparse", "streamOptimized")
NO_PARENT = "ffffffff"
EXTENT = re.compile(r'\s*(?:RW|RDONLY|NOACCESS)\s+\d+\s+(\w+)(?:\s+"([^"\r\n]*)")?')
SETTING = re.compile(r'\s*(\w+)\s*=\s*"?([^"\r\n]*)')
ONE_FILE = "beside all its files, if you trust them: qemu-img convert -f vmdk -O qcow2 FILE NEW"


class _Header(NamedTuple):
    """The sparse extent's header; offsets, sizes and capacity in sectors."""

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
    """The disk's size in bytes. LabctlError when it is not whole in this file, or damaged."""
    start = read(file, 0, len(MAGIC))
    if start == MAGIC_ESX:
        refuse("a VMDK in the ESX server's sparse format", ONE_FILE)
    if start != MAGIC:
        _refuse_descriptor(read(file, 0, MAX_DESCRIPTOR))
    header = _Header(*unpack(file, 0, HEADER, "VMDK"))
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
    _, marker_size, kind = unpack(file, at, MARKER, "VMDK")
    end = unpack(file, at + 2 * SECTOR, MARKER, "VMDK")
    if (marker_size, kind) != (0, MARKER_FOOTER) or end != (0, 0, MARKER_END):
        refuse("a VMDK without its footer", "it may be truncated")
    return _Header(*unpack(file, at + SECTOR, HEADER, "VMDK"))


def _check_directory(header: _Header, size: int) -> None:
    """The grain directories lie within the file; their entries are QEMU's to check as it reads."""
    last = max(header.gd_offset, header.rgd_offset if header.flags & HAS_RGD else 0)
    if not header.gd_offset or last * SECTOR + header.gd_entries * 4 > size:
        refuse("a truncated VMDK: its tables are beyond its end")
    if header.overhead * SECTOR > size:
        refuse("a truncated VMDK")


def _check_descriptor(file: BinaryIO, header: _Header) -> None:
    """The descriptor inside: of a type that is one file, without a parent."""
    if header.descriptor_offset != 1 or not 0 < header.descriptor_size * SECTOR <= MAX_DESCRIPTOR:
        _refuse_part()
    seen = read(file, SECTOR, max(header.descriptor_size, PARENT_SECTORS) * SECTOR)
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
        refuse(f"a VMDK of type {shown(kind)}, and only {' and '.join(TYPES)} are converted", ONE_FILE)
    extents = _extents(text)
    if len(extents) != 1 or extents[0][0] != "SPARSE":
        refuse(f"a VMDK whose disk is in other files{_named(extents)}", ONE_FILE)


def _refuse_part() -> NoReturn:
    refuse("a VMDK without a descriptor of its own: a part of a disk in several files?", ONE_FILE)


def _refuse_descriptor(data: bytes) -> None:
    text = _text(data)
    kind = _settings(text).get("createtype", "unknown")
    refuse(
        f"a VMDK descriptor of type {shown(kind)}: the disk is in other files{_named(_extents(text))}",
        ONE_FILE,
    )


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "replace")


def _settings(text: str) -> dict[str, str]:
    """The first value of each setting, names in lower case: QEMU takes the first it finds."""
    found: dict[str, str] = {}
    for match in filter(None, map(SETTING.match, text.splitlines())):
        found.setdefault(match[1].lower(), match[2].strip())
    return found


def _extents(text: str) -> list[tuple[str, str]]:
    """The extents' types and file names."""
    return [(match[1], match[2] or "") for match in filter(None, map(EXTENT.match, text.splitlines()))]


def _named(extents: list[tuple[str, str]]) -> str:
    names = [shown(name) for _, name in extents if name]
    more = ", …" if len(names) > 3 else ""
    return f" ({', '.join(names[:3])}{more})" if names else ""
