"""The header of an image, checked in Python before any of QEMU's tools sees the file.

Only raw and plain qcow2 pass. What a qcow2 can point at (a backing file, a data file) is a path on the host that its
author chose, so such files are refused unopened. QEMU's docs/interop/qcow2.txt describes the format.
"""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal, NoReturn

from labctl.core.errors import LabctlError

if TYPE_CHECKING:
    from pathlib import Path

MAX_VIRTUAL_SIZE = 16 << 40
SECTOR = 512

# The limits below are QEMU's own (block/qcow2.h): what passes them here, it would open.
CLUSTER_BITS = range(9, 22)
MAX_L1_BYTES = 32 << 20
MAX_REFCOUNT_TABLE_BYTES = 8 << 20
MAX_REFCOUNT_ORDER = 6
MAX_SNAPSHOTS = 65536
MAX_EXTENSIONS = 64  # the format knows five

MAGIC = b"QFI\xfb"
HEADER = struct.Struct(">4sIQIIQIIQQIIQ")  # common to versions 2 and 3
HEADER_3 = struct.Struct(">QQQII")  # what version 3 adds
EXTENSION = struct.Struct(">II")

DIRTY, CORRUPT, DATA_FILE, COMPRESSION, EXTENDED_L2 = (1 << bit for bit in range(5))
KNOWN_INCOMPATIBLE = DIRTY | CORRUPT | DATA_FILE | COMPRESSION | EXTENDED_L2
EXTENSION_END, EXTENSION_ENCRYPTION, EXTENSION_DATA_FILE = 0, 0x0537BE77, 0x44415441

CONVERT = "convert it yourself, if you trust it: qemu-img convert -f {} -O qcow2 FILE NEW"
UNPACK = "unpack it first"
DOWNLOADED = "the address gives a web page, not an image: look for the direct link"
FOREIGN: tuple[tuple[int, bytes, str, str], ...] = (  # offset, magic, what it is, hint
    (0, b"KDMV", "a VMDK image", CONVERT.format("vmdk")),
    (0, b"COWD", "a VMDK image", CONVERT.format("vmdk")),
    (0, b"# Disk DescriptorFile", "a VMDK descriptor", CONVERT.format("vmdk")),
    (0x40, b"\x7f\x10\xda\xbe", "a VDI image", CONVERT.format("vdi")),
    (0, b"conectix", "a VHD image", CONVERT.format("vpc")),
    (0, b"vhdxfile", "a VHDX image", CONVERT.format("vhdx")),
    (0, b"QED\0", "a QED image", CONVERT.format("qed")),
    (0, b"WithoutFreeSpace", "a Parallels image", CONVERT.format("parallels")),
    (0, b"WithouFreSpacExt", "a Parallels image", CONVERT.format("parallels")),
    (0, b"OOOM", "a COW image", "QEMU itself no longer reads this format"),
    (0, b"Bochs Virtual HD Image", "a Bochs image", CONVERT.format("bochs")),
    (0, b"LUKS\xba\xbe", "an encrypted (LUKS) image", "labctl has no keys of images"),
    (0, b"\x1f\x8b", "compressed by gzip", UNPACK),
    (0, b"\xfd7zXZ\0", "compressed by xz", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "compressed by zstd", UNPACK),
    (0, b"BZh", "compressed by bzip2", UNPACK),
    (0, b"PK\x03\x04", "a zip archive", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (257, b"ustar", "a tar archive (an OVA?)", UNPACK),
)
PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head")


@dataclass(frozen=True, slots=True)
class Header:
    """What the file is; `virtual_size` in bytes is what a guest sees."""

    format: Literal["qcow2", "raw"]
    virtual_size: int


def inspect(path: Path) -> Header:
    """Read the file's header. LabctlError says why it can't be used as an image."""
    try:
        # Not blocking: a FIFO under that name must not hang us. The descriptor is judged, not the name.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                _refuse("not a regular file", "an image is a file", str(path))
            return inspect_file(file, facts.st_size, str(path))
    except OSError as error:
        raise LabctlError(f"can't read the image: {error.strerror}", where=str(path)) from error


def inspect_file(file: BinaryIO, size: int, where: str) -> Header:
    """Read the header of an open, seekable file of `size` bytes; errors name `where`."""
    try:
        start = _read(file, 0, 4096)
        if start.startswith(MAGIC):
            header = Header("qcow2", _qcow2_size(file, start, size))
        else:
            _refuse_foreign(start)
            header = Header("raw", size)
            if size == 0:
                _refuse("the file is empty")
            if size % SECTOR:
                _refuse(
                    "neither qcow2 nor raw: its size is no multiple of 512",
                    "it may be truncated, or no image",
                )
        if header.virtual_size > MAX_VIRTUAL_SIZE:
            _refuse(
                f"a virtual size of {header.virtual_size >> 40} TiB, more than {MAX_VIRTUAL_SIZE >> 40} TiB"
            )
    except LabctlError as error:
        raise LabctlError(error.summary, hint=error.hint, where=where) from None
    return header


def _refuse(summary: str, hint: str = "", where: str = "") -> NoReturn:
    raise LabctlError(summary, hint=hint, where=where)


def _refuse_foreign(start: bytes) -> None:
    for offset, magic, name, hint in FOREIGN:
        if start[offset : offset + len(magic)] == magic:
            _refuse(f"{name}, and only raw and qcow2 images are used", hint)
    if start.removeprefix(b"\xef\xbb\xbf").lstrip()[:16].lower().startswith(PAGES):
        _refuse("an HTML or XML page, not an image", DOWNLOADED)


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _qcow2_size(file: BinaryIO, start: bytes, file_size: int) -> int:
    """The virtual size of a qcow2 whose every number was found sane."""
    if len(start) < HEADER.size:
        _refuse("a truncated qcow2")
    _, version, backing_offset, backing_size, cluster_bits, size, encryption, *tables = HEADER.unpack_from(
        start
    )
    if version not in (2, 3):
        _refuse(
            f"qcow2 version {version}, and only 2 and 3 are used", "qemu-img convert makes a new one of it"
        )
    if backing_offset or backing_size:
        _refuse("a qcow2 with a backing file", "qemu-img convert -O qcow2 merges the two, if you trust both")
    if encryption:
        _refuse("an encrypted qcow2", "labctl has no keys of images")
    if cluster_bits not in CLUSTER_BITS:
        _refuse(f"a qcow2 with clusters of 2^{cluster_bits} bytes")
    length, order, extended = HEADER.size, 4, False
    if version == 3:
        length, order, extended = _version_3(start, 1 << cluster_bits)
    _check_tables(tables, 1 << cluster_bits, order, file_size)
    _check_l1_covers(size, tables[0], cluster_bits, extended=extended)
    _check_extensions(file, length, min(1 << cluster_bits, file_size))
    return int(size)


def _version_3(start: bytes, cluster: int) -> tuple[int, int, bool]:
    """The header's length, the refcounts' order, and whether L2 entries are extended."""
    if len(start) < HEADER.size + HEADER_3.size:
        _refuse("a truncated qcow2")
    incompatible, _, _, order, length = HEADER_3.unpack_from(start, HEADER.size)
    if incompatible & ~KNOWN_INCOMPATIBLE:
        _refuse(f"a qcow2 with unknown features ({incompatible & ~KNOWN_INCOMPATIBLE:#x})")
    if incompatible & DATA_FILE:
        _refuse(
            "a qcow2 with an external data file",
            "qemu-img convert -O qcow2 merges the two, if you trust both",
        )
    if incompatible & (DIRTY | CORRUPT):
        _refuse(
            f"a qcow2 marked as {'corrupt' if incompatible & CORRUPT else 'not closed properly'}",
            "is a VM using it? If not: qemu-img check -r all FILE",
        )
    if not HEADER.size + HEADER_3.size <= length <= cluster or length % 8:
        _refuse(f"a qcow2 with a header of {length} bytes")
    if incompatible & COMPRESSION and start[104:105] not in (b"\0", b"\1"):
        _refuse("a qcow2 with an unknown compression")
    return length, order, bool(incompatible & EXTENDED_L2)


def _check_tables(tables: list[int], cluster: int, order: int, file_size: int) -> None:
    entries, l1_offset, refcount_offset, refcount_clusters, snapshots, snapshots_offset = tables
    if entries * 8 > MAX_L1_BYTES or refcount_clusters * cluster > MAX_REFCOUNT_TABLE_BYTES:
        _refuse("a qcow2 with oversized tables")
    if not refcount_clusters or order > MAX_REFCOUNT_ORDER or snapshots > MAX_SNAPSHOTS:
        _refuse("a qcow2 with impossible tables")
    if (l1_offset | refcount_offset | (snapshots_offset if snapshots else 0)) % cluster:
        _refuse("a qcow2 with misplaced tables")
    ends = (l1_offset + entries * 8, refcount_offset + 1, snapshots_offset + 1 if snapshots else 0)
    if max(ends) > file_size:
        _refuse(
            "a truncated qcow2: its tables are beyond its end",
            "compare its size and checksum with its origin's",
        )
    if (entries and not l1_offset) or not refcount_offset:
        _refuse("a qcow2 whose tables lie on its header")


def _check_l1_covers(size: int, entries: int, cluster_bits: int, *, extended: bool) -> None:
    bits = 2 * cluster_bits - (4 if extended else 3)  # an L1 entry's reach: a cluster of 8 or 16 byte entries
    if -(-size >> bits) > entries:
        _refuse("a qcow2 whose size does not fit its tables")


def _check_extensions(file: BinaryIO, offset: int, end: int) -> None:
    """Walk the header extensions, all of which have to lie within the first cluster."""
    for _ in range(MAX_EXTENSIONS):
        if offset + EXTENSION.size > end:
            return  # as QEMU does: the cluster's end ends them too
        raw = _read(file, offset, EXTENSION.size)
        if len(raw) < EXTENSION.size:
            _refuse("a truncated qcow2")
        kind, length = EXTENSION.unpack(raw)
        if kind == EXTENSION_END:
            return
        if kind == EXTENSION_DATA_FILE:
            _refuse("a qcow2 that names an external data file")
        if kind == EXTENSION_ENCRYPTION:
            _refuse("an encrypted qcow2", "labctl has no keys of images")
        offset += EXTENSION.size + -(-length // 8) * 8
        if offset > end:
            _refuse("a qcow2 with a header extension beyond its first cluster")
    _refuse("a qcow2 with too many header extensions")
