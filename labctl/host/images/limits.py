"""How large a file from elsewhere may be, in bytes. Without a limit, whoever sends it could fill the disk."""

from __future__ import annotations

TEXT = 1 << 20  # a publisher's checksums
DOWNLOAD = 64 << 30  # an image whose size nothing tells; also the data of it, once it is unpacked
UNPACKED = 1 << 40  # an unpacked image with its holes, which take no space but time
BOOT_FILE = 4 << 30  # a kernel or an initrd, which has to lie below 4 GiB in the guest's memory

_TABLES = 1 << 8  # a qcow2 takes at most this fraction of its disk for tables
_SPARE = 64 << 20


def image_file(virtual_size: int | None) -> int:
    """The most bytes of an image's file, packed or not; `virtual_size` is what the lock or the catalogue tells of it.

    A format that holds the whole disk has tables besides, and what can't be packed becomes a little larger by packing.
    """
    if not virtual_size:
        return DOWNLOAD
    return virtual_size + virtual_size // _TABLES + _SPARE
