"""The signatures by which a file is known as a raw image, as a kernel or initrd, or as something else.

labctl tells QEMU and libvirt the format of every disk, so they never guess it. A raw image may therefore contain much:
an ISO file system, a qcow2 inside a partition, a LUKS header further in. But a file is refused when QEMU's or libvirt's
probes would take its start or end for another format (QEMU's `*_probe` functions, libvirt's storage_file_probe.c).
Nobody means such a file as a raw disk, and a program that probes it after all would follow what the file says.

It is refused, too, when nothing tells that it is a disk: no partition table, no file system. Any file could be named as
an image, as a key or a list of passwords, and a guest would read it from its disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.host.images.untrusted import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

CONVERT = "convert it yourself, if you trust it: qemu-img convert -f {} -O qcow2 FILE NEW"
IMPORT = "`labctl image import --convert` makes a qcow2 of it, after the same scrutiny"
UNPACK = "unpack it first: {} FILE"
DOWNLOADED = "the address gives a web page, not an image: look for the direct link"
SIGNATURES: tuple[tuple[int, bytes, str, str], ...] = (  # offset, magic, what it is, hint
    (0, b"KDMV", "a VMDK image", IMPORT),
    (0, b"COWD", "a VMDK image", IMPORT),
    (0, b"\xbe\xba\xfe\xca\0\0\0\0", "a VMDK image", IMPORT),
    (0x40, b"\x7f\x10\xda\xbe", "a VDI image", IMPORT),
    (0, b"conectix", "a VHD image", IMPORT),
    (0, b"vhdxfile", "a VHDX image", IMPORT),
    # libvirt compares only three of the four letters, and would follow the name of a backing file
    (0, b"QFI", "a damaged qcow2", "compare its checksum with its origin's"),
    (0, b"QED", "a QED image", CONVERT.format("qed")),
    (0, b"WithoutFreeSpace", "a Parallels image", CONVERT.format("parallels")),
    (0, b"WithouFreSpacExt", "a Parallels image", CONVERT.format("parallels")),
    (0, b"OOOM", "a COW image", "QEMU itself no longer reads this format"),
    (0, b"Bochs Virtual HD Image", "a Bochs image", CONVERT.format("bochs")),
    (0, b"#!/bin/sh\n#V2.0 Format\n", "a cloop image", CONVERT.format("cloop")),
    (0, b"LUKS\xba\xbe", "an encrypted (LUKS) image", "labctl has no keys of images"),
    (0, b"\x1f\x8b", "compressed by gzip", UNPACK.format("gunzip -k")),
    (0, b"\xfd7zXZ\0", "compressed by xz", UNPACK.format("xz -dk")),
    (0, b"\x28\xb5\x2f\xfd", "compressed by zstd", UNPACK.format("zstd -d")),
    (0, b"\x04\x22\x4d\x18", "compressed by lz4", UNPACK.format("lz4 -d")),
    (0, b"BZh", "compressed by bzip2", UNPACK.format("bunzip2 -k")),
    (0, b"PK\x03\x04", "a zip archive", UNPACK.format("unzip")),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK.format("7z x")),
    (0, b"Rar!\x1a\x07", "a RAR archive", UNPACK.format("unrar x")),
    (257, b"ustar", "a tar archive (an OVA?)", UNPACK.format("tar -xf")),
)
TRAILERS = (  # magic at the start of the last 512 bytes, what it is, hint
    (b"conectix", "a VHD image of fixed size", IMPORT),
    (b"koly", "a DMG image", CONVERT.format("dmg")),
)
DISKS: tuple[tuple[int, bytes], ...] = (  # offset, magic, of what a raw image begins with
    (510, b"\x55\xaa"),  # a boot sector: MBR, FAT, NTFS
    (512, b"EFI PART"),  # GPT
    (4096, b"EFI PART"),  # GPT on sectors of 4 KiB
    (512, b"PM\0\0"),  # Apple's partition map
    (508, b"\xda\xbe"),  # Sun's disk label
    (512, b"\x57\x45\x56\x82"),  # BSD's disk label
    (512, b"LABELONE"),  # LVM
    (4096, b"\xfc\x4e\x2b\xa9"),  # Linux's RAID, metadata 1.2
    (0x8001, b"CD001"),  # ISO 9660
    (0x8001, b"BEA01"),  # UDF
    (0x8001, b"NSR0"),
    (1080, b"\x53\xef"),  # ext2, ext3, ext4
    (0, b"XFSB"),
    (0x10040, b"_BHRfS_M"),  # Btrfs
    (0, b"hsqs"),  # SquashFS
    (1024, b"\xe2\xe1\xf5\xe0"),  # EROFS
    (1024, b"\x10\x20\xf5\xf2"),  # F2FS
    (1024, b"H+\0\4"),  # HFS+
    (0x8000, b"JFS1"),
    (0x10034, b"ReIsEr"),  # ReiserFS
    (8192 + 1372, b"\x54\x19\x01\0"),  # UFS 1
    (65536 + 1372, b"\x19\x01\x54\x19"),  # UFS 2
    (4086, b"SWAPSPACE2"),
)
BOOT_FILES: tuple[tuple[int, bytes], ...] = (  # offset, magic, of kernels and initrds
    (0x202, b"HdrS"),  # x86
    (0, b"MZ"),  # EFI
    (0, b"\x7fELF"),
    (0x38, b"ARM\x64"),
    (0x38, b"RSC\x05"),  # RISC-V
    (0x24, b"\x18\x28\x6f\x01"),  # ARM with 32 bits
    (0, b"\x27\x05\x19\x56"),  # U-Boot
    (0, b"07070"),  # cpio
    (0, b"\xc7\x71"),
    (0, b"\x1f\x8b"),  # gzip
    (0, b"\xfd7zXZ\0"),
    (0, b"\x28\xb5\x2f\xfd"),  # zstd
    (0, b"\x04\x22\x4d\x18"),  # lz4
    (0, b"\x02\x21\x4c\x18"),
    (0, b"BZh"),
    (0, b"\x5d\0\0"),  # lzma
    (0, b"\x89LZO\0"),
    *DISKS,  # a file system as an initrd
)
START = 0x11000  # bytes in which all of these lie
BLANK = "`qemu-img convert -f raw -O qcow2 FILE NEW` makes an image of it; a blank disk is `image: none`"
MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head")
BOM = b"\xef\xbb\xbf"


def refuse_other_formats(start: bytes, end: bytes) -> None:
    """LabctlError when the file's first 4096 or last 512 bytes have the signature of another format than raw."""
    for offset, magic, name, hint in SIGNATURES:
        if start.startswith(magic, offset):
            _refuse(name, hint)
    for magic, name, hint in TRAILERS:
        if end.startswith(magic):
            _refuse(name, hint)
    if is_vmdk_descriptor(start):
        _refuse("a VMDK descriptor", "it names the files that hold the disk, and is none itself")
    if start.removeprefix(BOM).lstrip()[:16].lower().startswith(MARKUP):
        refuse("an HTML or XML page, not an image", DOWNLOADED)


def refuse_unknown(start: bytes) -> None:
    """LabctlError unless the file's first START bytes have the signature of a raw disk."""
    if not _has(start, DISKS):
        refuse("neither qcow2 nor raw: it has no partition table and no file system", BLANK)


def refuse_unbootable(start: bytes) -> None:
    """LabctlError unless the file's first START bytes have the signature of a kernel or an initrd."""
    if not _has(start, BOOT_FILES):
        refuse("neither a kernel nor an initrd", "is it the right file? A VM could read all of it")


def _has(start: bytes, signatures: Iterable[tuple[int, bytes]]) -> bool:
    return any(start.startswith(magic, offset) for offset, magic in signatures)


def is_vmdk_descriptor(start: bytes) -> bool:
    """Whether QEMU's probe takes this for a VMDK descriptor.

    Its first line that is neither blank nor a comment begins with `version=`.
    """
    if start.startswith(b"# Disk DescriptorFile"):
        return True
    lines = (line.strip() for line in start.removeprefix(BOM).split(b"\n"))
    first = next((line for line in lines if line and not line.startswith(b"#")), b"")
    return first.lower().startswith(b"version=")


def _refuse(name: str, hint: str) -> None:
    refuse(f"{name}, and only raw and qcow2 images are used", hint)
