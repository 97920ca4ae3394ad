"""The header check: what is let through, and that nothing else is, whatever the bytes."""

import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.core.errors import LabctlError
from labctl.host.images.qcow2 import MAGIC, MAX_VIRTUAL_SIZE, Header, inspect
from labctl.host.images.signatures import DISKS
from tests.disks import raw

CLUSTER = 65536
FIELDS = {  # offset and struct format of every field of the header
    "version": (4, ">I"),
    "backing_offset": (8, ">Q"),
    "backing_size": (16, ">I"),
    "cluster_bits": (20, ">I"),
    "size": (24, ">Q"),
    "encryption": (32, ">I"),
    "l1_size": (36, ">I"),
    "l1_offset": (40, ">Q"),
    "refcount_offset": (48, ">Q"),
    "refcount_clusters": (56, ">I"),
    "snapshots": (60, ">I"),
    "snapshots_offset": (64, ">Q"),
    "incompatible": (72, ">Q"),
    "autoclear": (88, ">Q"),
    "refcount_order": (96, ">I"),
    "header_length": (100, ">I"),
    "compression": (104, ">B"),
    "extension": (112, ">I"),
    "extension_length": (116, ">I"),
    "l1_entry": (3 * CLUSTER + 8, ">Q"),
}
SOUND = {
    "version": 3,
    "cluster_bits": 16,
    "size": 1 << 30,
    "l1_size": 2,
    "l1_offset": 3 * CLUSTER,
    "refcount_offset": CLUSTER,
    "refcount_clusters": 1,
    "refcount_order": 4,
    "header_length": 112,
}


def made(path: Path, **fields: int) -> Path:
    """A qcow2 with a sound header, but for `fields`."""
    data = bytearray(4 * CLUSTER)
    data[:4] = MAGIC
    for name, value in {**SOUND, **fields}.items():
        offset, layout = FIELDS[name]
        struct.pack_into(layout, data, offset, value)
    path.write_bytes(data)
    return path


def test_a_sound_qcow2_gives_its_virtual_size(tmp_path: Path) -> None:
    assert inspect(made(tmp_path / "i")) == Header("qcow2", 1 << 30)


def test_version_2_has_no_features(tmp_path: Path) -> None:
    """What version 3 calls its incompatible features is in version 2 the first header extension."""
    assert inspect(made(tmp_path / "i", version=2, incompatible=0)) == Header("qcow2", 1 << 30)


def test_a_raw_image_is_as_big_as_its_file(tmp_path: Path) -> None:
    assert inspect(raw(tmp_path / "i")) == Header("raw", 1024)


@pytest.mark.parametrize(("offset", "magic"), DISKS)
def test_a_raw_image_is_known_by_its_signature(tmp_path: Path, offset: int, magic: bytes) -> None:
    (tmp_path / "i").write_bytes((bytes(offset) + magic).ljust(1 << 17, b"\0"))
    assert inspect(tmp_path / "i") == Header("raw", 1 << 17)


@pytest.mark.parametrize(
    "content", [b"root:x:0:0:root:/root:/bin/sh\n", b"\0", b"-----BEGIN PRIVATE KEY-----\n"]
)
def test_a_file_without_any_signature_is_no_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "i").write_bytes(content.ljust(1 << 17, b"\n"))
    with pytest.raises(LabctlError, match="no partition table and no file system") as error:
        inspect(tmp_path / "i")
    assert "qemu-img convert -f raw" in error.value.hint
    assert "`image: none`" in error.value.hint


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"version": 1}, "version 1"),
        ({"version": 4}, "version 4"),
        ({"backing_offset": 4096, "backing_size": 11}, "backing file"),
        ({"encryption": 2}, "encrypted"),
        ({"incompatible": 1}, "not closed properly"),
        ({"incompatible": 2}, "corrupt"),
        ({"incompatible": 4}, "data file"),
        ({"incompatible": 1 << 5}, "unknown features"),
        ({"incompatible": 1 << 63}, "unknown features"),
        ({"incompatible": 8, "compression": 2}, "compression"),
        ({"incompatible": 8, "compression": 0}, "compression"),
        ({"incompatible": 8, "compression": 1, "header_length": 104}, "compression"),
        ({"compression": 1}, "compression"),
        ({"autoclear": 2}, "data file"),
        ({"incompatible": 16, "cluster_bits": 13}, "subclusters"),
        ({"cluster_bits": 8}, "clusters"),
        ({"cluster_bits": 22}, "clusters"),
        ({"l1_size": 1}, "does not fit"),
        ({"l1_size": 1 << 31}, "oversized"),
        ({"refcount_clusters": 1 << 20}, "oversized"),
        ({"refcount_clusters": 0}, "impossible"),
        ({"refcount_order": 7}, "impossible"),
        ({"snapshots": 1, "snapshots_offset": 3 * CLUSTER}, "internal snapshots"),
        ({"l1_offset": 3 * CLUSTER + 8}, "misplaced"),
        ({"l1_offset": 1 << 40}, "truncated"),
        ({"l1_offset": 0}, "overlap"),
        ({"refcount_offset": 0}, "overlap"),
        ({"refcount_offset": 3 * CLUSTER}, "overlap"),
        ({"refcount_clusters": 3}, "overlap"),
        ({"header_length": 80}, "header of 80"),
        ({"size": 1 << 63}, "more than 16 TiB"),
        ({"size": 0}, "empty"),
        ({"extension": 0x44415441, "extension_length": 8}, "data file"),
        ({"extension": 0x0537BE77, "extension_length": 16}, "encrypted"),
        ({"extension": 0x23852875, "extension_length": 24}, "bitmaps"),
        ({"extension": 1, "extension_length": 1 << 31}, "beyond"),
        ({"l1_entry": 1 << 63 | 4 * CLUSTER}, "points outside"),
        ({"l1_entry": 1 << 63 | 2 * CLUSTER + 512}, "points outside"),
    ],
)
def test_what_could_harm_is_refused(tmp_path: Path, fields: dict[str, int], message: str) -> None:
    with pytest.raises(LabctlError, match=message) as raised:
        inspect(made(tmp_path / "i", **fields))
    assert raised.value.where == str(tmp_path / "i")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"KDMV" + bytes(508), "VMDK"),
        (b"# Disk DescriptorFile\n", "VMDK"),
        (bytes(0x40) + b"\x7f\x10\xda\xbe" + bytes(444), "VDI"),
        (b"conectix" + bytes(504), "VHD image"),
        (b"vhdxfile" + bytes(504), "VHDX"),
        (b"QED\0" + bytes(508), "QED"),
        (b"\xfd7zXZ\0" + bytes(506), "xz"),
        (b"\n <!DOCTYPE html><title>Sorry</title>", "HTML"),
        (b"QFI\xfb\0\0\0\x03", "truncated"),
        (b"", "empty"),
        (b"some text\n", "multiple of 512"),
    ],
)
def test_other_files_are_named_for_what_they_are(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "i").write_bytes(content)
    with pytest.raises(LabctlError, match=message):
        inspect(tmp_path / "i")


def test_a_raw_image_can_be_too_big(tmp_path: Path) -> None:
    with (tmp_path / "i").open("wb") as file:
        try:
            file.truncate(MAX_VIRTUAL_SIZE + 512)
        except OSError:
            pytest.skip("this file system has no such big files")
    with pytest.raises(LabctlError, match="TiB"):
        inspect(tmp_path / "i")


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path):
        with pytest.raises(LabctlError):
            inspect(path)
    with pytest.raises(LabctlError, match="No such file"):
        inspect(tmp_path / "missing")


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), st.integers(0, (1 << 64) - 1)))
def test_any_header_is_accepted_or_refused(
    tmp_path_factory: pytest.TempPathFactory, fields: dict[str, int]
) -> None:
    widths = {">B": 8, ">I": 32, ">Q": 64}
    fields = {name: value % (1 << widths[FIELDS[name][1]]) for name, value in fields.items()}
    survives(made(tmp_path_factory.getbasetemp() / "header", **fields))


@given(st.binary(max_size=2048), st.sampled_from([b"", MAGIC]))
def test_any_bytes_are_accepted_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bytes"
    path.write_bytes(start + data)
    survives(path)


def survives(path: Path) -> None:
    try:
        header = inspect(path)
    except LabctlError:
        return
    assert 0 <= header.virtual_size <= MAX_VIRTUAL_SIZE


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n \n# a comment\r\nversion=1\n", "VMDK descriptor"),
        (b"\xef\xbb\xbf# Disk DescriptorFile\nversion=1\n", "VMDK descriptor"),
        (b"#!/bin/sh\n#V2.0 Format\n", "cloop"),
        (
            b"QFI\0\0\0\0\2" + (72).to_bytes(8, "big") + b"\0\0\0\x0b",
            "damaged qcow2",
        ),  # qcow2 to libvirt alone
        (b"QEDx", "QED"),
        (bytes(512) + b"conectix", "VHD image of fixed size"),
        (bytes(512) + b"koly", "DMG"),
    ],
)
def test_what_another_probe_would_see_is_no_raw_image(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "i").write_bytes(content.ljust(1024, b"\0"))
    with pytest.raises(LabctlError, match=message):
        inspect(tmp_path / "i")


@pytest.mark.parametrize(
    ("offset", "inner"),
    [
        (32769, b"CD001"),  # an ISO that boots from a disk, too
        (1 << 20, MAGIC + b"\0\0\0\3"),  # a qcow2 in the first partition
        (1 << 20, b"LUKS\xba\xbe\0\2"),  # an encrypted partition
        (0x4000, b"SKUL\xba\xbe"),  # LUKS2's second header, without the first
        (1 << 20, b"KDMV"),
    ],
)
def test_a_raw_image_may_hold_what_it_likes(tmp_path: Path, offset: int, inner: bytes) -> None:
    """QEMU is told that it is raw, and then looks at nothing in it."""
    data = bytearray(2 << 20)
    data[510:512] = b"\x55\xaa"
    data[offset : offset + len(inner)] = inner
    (tmp_path / "i").write_bytes(data)
    assert inspect(tmp_path / "i") == Header("raw", 2 << 20)
