"""The signatures of file formats that labctl does not use as raw images.

labctl tells QEMU and libvirt the format of every disk, so they never guess it. A raw image may therefore contain
anything: a partition table, an ISO file system, a qcow2 inside a partition, a LUKS header further in. But a file is
refused when QEMU's or libvirt's probes would take its start or end for another format (QEMU's `*_probe` functions,
libvirt's storage_file_probe.c). Nobody means such a file as a raw disk, and a program that probes it after all would
follow what the file says.
"""

from __future__ import annotations

from labctl.host.images.untrusted import refuse

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
