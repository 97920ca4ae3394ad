"""The header of a raw or qcow2 image, checked in Python before any of QEMU's tools sees the file.

A qcow2 can name other files of the host, a backing file or a data file, and its author chose their paths. Such an
image is refused, and nothing that it names is opened. Internal snapshots (with the memory of somebody's VM), bitmaps
and encryption are refused as well: a base image needs none of them, and QEMU would load them. QEMU's
docs/interop/qcow2.txt describes the format.
"""

from __future__ import annotations

import struct
import sys
from array import array
from itertools import pairwise
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple

from labctl.core.record import record
from labctl.host.images import signatures
from labctl.host.images.untrusted import (
    MAX_VIRTUAL_SIZE,
    check_virtual_size,
    errors_naming,
    opened_file,
    read_at,
    refuse,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MAGIC", "MAX_VIRTUAL_SIZE", "Header", "inspect", "inspect_file"]

SECTOR = 512

# QEMU's own limits (block/qcow2.h): it opens any image within them.
CLUSTER_BITS = range(9, 22)
SUBCLUSTERS_BITS = 14  # the least cluster_bits of an image with extended L2 entries
MAX_L1_BYTES = 32 << 20
MAX_REFCOUNT_TABLE_BYTES = 8 << 20
MAX_REFCOUNT_ORDER = 6
MAX_EXTENSIONS = 64  # the format defines five kinds

MAGIC = b"QFI\xfb"
HEADER = struct.Struct(">4sIQIIQIIQQIIQ")  # the fields of versions 2 and 3
HEADER_3 = struct.Struct(">QQQII")  # the further fields of version 3
COMPRESSION_AT = 104  # the offset of the compression type, which only a longer header has
EXTENSION = struct.Struct(">II")
L1_OFFSET = 0x00FF_FFFF_FFFF_FE00  # the bits of an L1 entry that are the offset of an L2 table
L1_CHUNK = 64 << 10  # bytes of the L1 table that are read at a time

DIRTY, CORRUPT, DATA_FILE, COMPRESSION, EXTENDED_L2 = (1 << bit for bit in range(5))
KNOWN_INCOMPATIBLE = DIRTY | CORRUPT | DATA_FILE | COMPRESSION | EXTENDED_L2
RAW_DATA_FILE = 1 << 1  # an autoclear feature
EXTENSION_END, EXTENSION_BITMAPS = 0, 0x23852875
EXTENSION_ENCRYPTION, EXTENSION_DATA_FILE = 0x0537BE77, 0x44415441

COPY = "a copy has none, if you trust it: qemu-img convert -f qcow2 -O qcow2 FILE NEW"
MERGE = "qemu-img convert -O qcow2 merges the two, if you trust both"
NO_KEYS = "labctl has no keys of images"
ORIGIN = "compare its size and checksum with its origin's"


@record
class Header:
    """The format of an image, and its `virtual_size` in bytes, which is the size of the disk that a guest sees."""

    format: Literal["qcow2", "raw"]
    virtual_size: int


class _Fields(NamedTuple):
    """The header's fields, as docs/interop/qcow2.txt names them."""

    magic: bytes
    version: int
    backing_file_offset: int
    backing_file_size: int
    cluster_bits: int
    size: int
    crypt_method: int
    l1_size: int
    l1_table_offset: int
    refcount_table_offset: int
    refcount_table_clusters: int
    nb_snapshots: int
    snapshots_offset: int
    incompatible_features: int = 0
    compatible_features: int = 0
    autoclear_features: int = 0
    refcount_order: int = 4
    header_length: int = HEADER.size

    @property
    def cluster(self) -> int:
        return 1 << self.cluster_bits


def inspect(path: Path) -> Header:
    """Read the header of a file. LabctlError says why the file can't be used as an image."""
    with opened_file(path) as (file, size):
        return inspect_file(file, size, str(path))


def inspect_file(file: BinaryIO, size: int, where: str) -> Header:
    """Read the header of an open, seekable file of `size` bytes; errors name `where`."""
    with errors_naming(where):
        start = read_at(file, 0, 4096)
        if start.startswith(MAGIC):
            return Header("qcow2", _qcow2_size(file, start, size))
        if size == 0:
            refuse("the file is empty")
        signatures.refuse_other_formats(start, read_at(file, max(0, size - SECTOR), SECTOR))
        if size % SECTOR:
            refuse(
                "neither qcow2 nor raw: its size is no multiple of 512", "it may be truncated, or no image"
            )
        check_virtual_size(size)
        signatures.refuse_unknown(read_at(file, 0, signatures.START))
        return Header("raw", size)


def _qcow2_size(file: BinaryIO, start: bytes, file_size: int) -> int:
    """Check the header of a qcow2 and return its virtual size in bytes."""
    fields = _fields(start)
    if fields.backing_file_offset or fields.backing_file_size:
        refuse("a qcow2 with a backing file", MERGE)
    if fields.crypt_method:
        refuse("an encrypted qcow2", NO_KEYS)
    if fields.cluster_bits not in CLUSTER_BITS:
        refuse(f"a qcow2 with clusters of 2^{fields.cluster_bits} bytes")
    if fields.nb_snapshots:
        refuse("a qcow2 with internal snapshots", COPY)
    if fields.version == 3:
        _check_features(fields)
        _check_compression(fields, start)
    check_virtual_size(fields.size)
    _check_tables(fields, file_size)
    _check_extensions(file, fields.header_length, min(fields.cluster, file_size))
    _check_l1_entries(file, fields, file_size)
    return fields.size


def _fields(start: bytes) -> _Fields:
    if len(start) < HEADER.size:
        refuse("a truncated qcow2", ORIGIN)
    common = HEADER.unpack_from(start)
    version = common[1]
    if version not in (2, 3):
        refuse(
            f"qcow2 version {version}, and only 2 and 3 are used", "qemu-img convert makes a new one of it"
        )
    if version == 2:
        return _Fields(*common)
    if len(start) < HEADER.size + HEADER_3.size:
        refuse("a truncated qcow2", ORIGIN)
    return _Fields(*common, *HEADER_3.unpack_from(start, HEADER.size))


def _check_features(fields: _Fields) -> None:
    """Refuse features of version 3 that are unknown, dangerous, or a sign of damage."""
    incompatible = fields.incompatible_features
    if incompatible & ~KNOWN_INCOMPATIBLE:
        refuse(
            f"a qcow2 with unknown features ({incompatible & ~KNOWN_INCOMPATIBLE:#x})",
            "it may be damaged, or made for a newer QEMU",
        )
    if incompatible & DATA_FILE or fields.autoclear_features & RAW_DATA_FILE:
        refuse("a qcow2 with an external data file", MERGE)
    if incompatible & (DIRTY | CORRUPT):
        refuse(
            f"a qcow2 marked as {'corrupt' if incompatible & CORRUPT else 'not closed properly'}",
            "is a VM using it? If not: qemu-img check -r all FILE",
        )
    if incompatible & EXTENDED_L2 and fields.cluster_bits < SUBCLUSTERS_BITS:
        refuse(f"a qcow2 with subclusters in clusters of 2^{fields.cluster_bits} bytes")
    length = fields.header_length
    if not HEADER.size + HEADER_3.size <= length <= fields.cluster or length % 8:
        refuse(f"a qcow2 with a header of {length} bytes")


def _check_compression(fields: _Fields, start: bytes) -> None:
    """Check that the compression type is zstd if the header has the compression feature's bit, and zlib if not."""
    present = fields.header_length > COMPRESSION_AT
    kind = start[COMPRESSION_AT : COMPRESSION_AT + 1] if present else b"\0"
    if kind != (b"\1" if fields.incompatible_features & COMPRESSION else b"\0"):
        refuse("a qcow2 with an unknown compression")


def _check_tables(fields: _Fields, file_size: int) -> None:
    """Check that the tables have possible sizes, lie within the file, and overlap neither each other nor the header."""
    cluster, l1_bytes = fields.cluster, fields.l1_size * 8
    refcount_bytes = fields.refcount_table_clusters * cluster
    if l1_bytes > MAX_L1_BYTES or refcount_bytes > MAX_REFCOUNT_TABLE_BYTES:
        refuse("a qcow2 with oversized tables")
    if not refcount_bytes or fields.refcount_order > MAX_REFCOUNT_ORDER:
        refuse("a qcow2 with impossible tables")
    if (fields.l1_table_offset | fields.refcount_table_offset) % cluster:
        refuse("a qcow2 with misplaced tables")
    entry_bits = 4 if fields.incompatible_features & EXTENDED_L2 else 3
    # an L1 entry leads to one cluster of L2 entries, each of which leads to one cluster of data
    bits_per_l1_entry = 2 * fields.cluster_bits - entry_bits
    if -(-fields.size >> bits_per_l1_entry) > fields.l1_size:
        refuse("a qcow2 whose size does not fit its tables")
    if max(fields.l1_table_offset + l1_bytes, fields.refcount_table_offset + 1) > file_size:
        refuse("a truncated qcow2: its tables are beyond its end", ORIGIN)
    used = sorted(
        (
            (0, cluster),
            (fields.l1_table_offset, fields.l1_table_offset + l1_bytes),
            (fields.refcount_table_offset, fields.refcount_table_offset + refcount_bytes),
        )
    )
    if any(one_end > start for (_, one_end), (start, _) in pairwise(used)):
        refuse("a qcow2 whose tables overlap")


def _check_extensions(file: BinaryIO, offset: int, end: int) -> None:
    """Check the header extensions, all of which have to lie within the first cluster."""
    for _ in range(MAX_EXTENSIONS):
        if offset + EXTENSION.size > end:
            return  # the end of the cluster ends the list too, as in QEMU
        raw = read_at(file, offset, EXTENSION.size)
        if len(raw) < EXTENSION.size:
            refuse("a truncated qcow2", ORIGIN)
        kind, length = EXTENSION.unpack(raw)
        if kind == EXTENSION_END:
            return
        if kind == EXTENSION_DATA_FILE:
            refuse("a qcow2 that names an external data file", MERGE)
        if kind == EXTENSION_ENCRYPTION:
            refuse("an encrypted qcow2", NO_KEYS)
        if kind == EXTENSION_BITMAPS:
            refuse("a qcow2 with bitmaps", COPY)
        offset += EXTENSION.size + -(-length // 8) * 8
        if offset > end:
            refuse("a qcow2 with a header extension beyond its first cluster")
    refuse("a qcow2 with too many header extensions")


def _check_l1_entries(file: BinaryIO, fields: _Fields, file_size: int) -> None:
    """Check that every L2 table is a cluster of this file.

    The largest L1 table, 32 MiB, takes half a second; that of a real image takes no time to speak of.
    """
    first, end = fields.l1_table_offset, fields.l1_table_offset + fields.l1_size * 8
    for offset in range(first, end, L1_CHUNK):
        data = read_at(file, offset, min(L1_CHUNK, end - offset))
        entries = array("Q", data[: len(data) & ~7])
        if sys.byteorder == "little":
            entries.byteswap()
        for entry in filter(None, entries):
            table = entry & L1_OFFSET
            if table % fields.cluster or table >= file_size:
                refuse("a truncated or damaged qcow2: its L1 table points outside", ORIGIN)
