"""Compressed images: honest ones, damaged ones, and bombs."""

import gzip
import hashlib
import lzma
import os
import re
import subprocess
import sys
import zlib
from functools import cache

import pytest

from labctl.core.errors import LabctlError
from labctl.host.images import decompressors
from labctl.host.images.unpack import BLOCK, compression, unpack
from labctl.host.machine import space

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 1 << 20
# Data, holes that are aligned and that are not, and an end within a block.
IMAGE = (
    os.urandom(BLOCK)
    + bytes(5 * BLOCK)
    + os.urandom(100)
    + bytes(3 * BLOCK)
    + os.urandom(300_000)
    + bytes(BLOCK + 7)
)
PACK = {
    "xz": lambda data: lzma.compress(data, preset=0),
    "gz": gzip.compress,
    "zst": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}),
}
LZMA_ALONE = lzma.compress(b"", lzma.FORMAT_ALONE)  # the old format, that of .lzma files
KINDS = pytest.mark.parametrize("kind", list(PACK))


@cache
def packed_image(kind: str) -> bytes:
    return PACK[kind](IMAGE)


def zeros(kind: str, size: int) -> bytes:
    """A bomb: compressed zeros, made in constant memory."""
    packer = {
        "xz": lambda: lzma.LZMACompressor(preset=0),
        "gz": lambda: zlib.compressobj(level=1, wbits=31),
        "zst": zstd.ZstdCompressor,
    }[kind]()
    piece = bytes(MIB)
    return b"".join([*(packer.compress(piece) for _ in range(size // MIB)), packer.flush()])


@pytest.fixture
def packed(tmp_path):
    """Writes a compressed file under a name that tells nothing."""

    def write(data: bytes):
        path = tmp_path / "download"
        path.write_bytes(data)
        return path

    return write


def unpacked(source, limit: int = 1 << 30) -> str:
    return unpack(source, source.with_name("disk.img"), lambda *_: None, limit=limit)


def refused(source, match: str, limit: int = 1 << 30) -> LabctlError:
    """The error, after which nothing is left but the source."""
    with pytest.raises(LabctlError, match=match) as raised:
        unpacked(source, limit)
    assert [each.name for each in source.parent.iterdir()] == [source.name]
    return raised.value


@KINDS
def test_an_image_comes_out_as_it_was_with_its_digest(packed, kind) -> None:
    source = packed(packed_image(kind))
    assert unpacked(source) == hashlib.sha256(IMAGE).hexdigest()
    target = source.with_name("disk.img")
    assert target.read_bytes() == IMAGE
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in source.parent.iterdir()) == ["disk.img", "download"]


@KINDS
def test_zeros_become_holes(packed, kind) -> None:
    source = packed(zeros(kind, 64 * MIB))
    assert unpacked(source) == hashlib.sha256(bytes(64 * MIB)).hexdigest()
    facts = source.with_name("disk.img").stat()
    assert facts.st_size == 64 * MIB
    assert facts.st_blocks * 512 < MIB


@KINDS
def test_an_empty_image_stays_empty(packed, kind) -> None:
    assert unpacked(packed(PACK[kind](b""))) == hashlib.sha256(b"").hexdigest()


@KINDS
def test_several_in_a_row_are_one(packed, kind) -> None:
    source = packed(packed_image(kind) + PACK[kind](b"") + PACK[kind](b"the end"))
    assert unpacked(source) == hashlib.sha256(IMAGE + b"the end").hexdigest()


@pytest.mark.parametrize("kind", ["xz", "gz"])
def test_padding_is_no_content(packed, kind) -> None:
    source = packed(packed_image(kind) + bytes(512) + PACK[kind](b"the end") + bytes(MIB))
    assert unpacked(source) == hashlib.sha256(IMAGE + b"the end").hexdigest()


def test_the_frames_that_pzstd_writes_between_are_skipped(packed) -> None:
    skippable = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"size"
    source = packed(skippable + packed_image("zst") + skippable + PACK["zst"](b"the end"))
    assert unpacked(source) == hashlib.sha256(IMAGE + b"the end").hexdigest()


@pytest.mark.parametrize("length", [BLOCK - 1, BLOCK, BLOCK + 1, 256 << 10, (256 << 10) + 1])
def test_gz_gives_all_of_it_at_every_edge_of_a_piece(packed, length) -> None:
    data = b"x" * length
    assert unpacked(packed(gzip.compress(data))) == hashlib.sha256(data).hexdigest()


@KINDS
def test_progress_is_that_of_the_source(packed, kind) -> None:
    source = packed(PACK[kind](os.urandom(MIB)))
    seen: list[tuple[int, int]] = []
    unpack(source, source.with_name("disk.img"), lambda done, total: seen.append((done, total)))
    size = source.stat().st_size
    assert seen == sorted(seen)
    assert seen[-1] == (size, size)
    assert {total for _, total in seen} == {size}


@KINDS
@pytest.mark.parametrize("cut", [1, 5, 1000])
def test_a_truncated_one_is_refused(packed, kind, cut) -> None:
    error = refused(packed(packed_image(kind)[:-cut]), "ends too early")
    assert error.where.endswith("download")
    assert error.hint


@KINDS
def test_a_damaged_one_is_refused(packed, kind) -> None:
    data = bytearray(packed_image(kind))
    data[len(data) // 2] ^= 0xFF
    refused(packed(bytes(data)), "can't unpack it|ends too early")


@KINDS
@pytest.mark.parametrize("more", [b"\xffgarbage", b"x", LZMA_ALONE])
def test_what_follows_is_not_ignored(packed, kind, more) -> None:
    refused(packed(packed_image(kind) + more), "something else follows")


@pytest.mark.parametrize(("kind", "other"), [("xz", "gz"), ("gz", "zst"), ("zst", "xz")])
def test_another_kind_that_follows_is_something_else(packed, kind, other) -> None:
    refused(packed(packed_image(kind) + packed_image(other)), "something else follows")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xfd7zX",
        b"QFI\xfb\0\0\0\3",
        b"BZh91AY&SY",
        b"PK\3\4",
        IMAGE,
        LZMA_ALONE,
    ],
)
def test_what_is_not_compressed_is_refused(packed, data) -> None:
    source = packed(data)
    assert compression(source) is None
    refused(source, "neither xz, gz nor zst")


@KINDS
def test_the_magic_tells_the_kind(packed, kind) -> None:
    assert compression(packed(PACK[kind](b""))) == kind


@KINDS
def test_a_bomb_is_refused_where_the_limit_is(packed, kind) -> None:
    source = packed(zeros(kind, 256 * MIB))
    seen: list[int] = []
    with pytest.raises(LabctlError, match="more than 8MiB"):
        unpack(source, source.with_name("x"), lambda done, _total: seen.append(done), limit=8 * MIB)
    assert len(seen) <= 8 * MIB // (256 << 10), "no more was decoded than the limit"
    refused(source, "more than 8MiB", 8 * MIB)


@KINDS
def test_data_has_a_limit_of_its_own(packed, kind) -> None:
    """Holes take no space of the disk, but what is written does."""

    def tried(data: bytes) -> str:
        source = packed(PACK[kind](data))
        return unpack(source, source.with_name("disk.img"), lambda *_: None, data_limit=2 * MIB)

    assert tried(os.urandom(MIB) + bytes(8 * MIB))
    with pytest.raises(LabctlError, match="it unpacks to more than 2MiB"):
        tried(os.urandom(3 * MIB))


@KINDS
def test_the_limit_itself_is_allowed(packed, kind) -> None:
    source = packed(PACK[kind](bytes(MIB)))
    unpacked(source, MIB)
    with pytest.raises(LabctlError, match="more than"):
        unpacked(source, MIB - 1)


def test_an_xz_that_wants_too_much_memory_is_refused(packed) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2 * decompressors.XZ_MEMORY}]
    data = bytearray(lzma.compress(b"x" * 100, filters=[{**filters[0], "dict_size": 1 << 20}]))
    # The dictionary's size is one byte of the block's header, whose check sum is made anew: no test needs 512 MiB.
    header = data[12 : 12 + (data[12] + 1) * 4]
    header[4] = 36  # 1 GiB, https://tukaani.org/xz/xz-file-format.txt 5.3.1
    header[-4:] = zlib.crc32(header[:-4]).to_bytes(4, "little")
    data[12 : 12 + len(header)] = header
    refused(packed(bytes(data)), "(?i)memory")


def test_a_zst_that_wants_too_big_a_window_is_refused(packed) -> None:
    window_log = 31
    header = b"\x28\xb5\x2f\xfd" + bytes([0, (window_log - 10) << 3])  # no size, so the window counts
    refused(packed(header + b"\1\0\0"), "(?i)memory")


@KINDS
def test_a_full_disk_is_told_and_nothing_is_left(packed, kind, monkeypatch) -> None:
    monkeypatch.setattr(space, "MARGIN", 1 << 60)
    error = refused(packed(packed_image(kind)), "no space left")
    assert "free some space" in error.hint


def test_holes_need_no_space(packed, monkeypatch) -> None:
    monkeypatch.setattr(space, "MARGIN", 1 << 60)
    assert unpacked(packed(gzip.compress(bytes(MIB))))


def test_an_interruption_leaves_nothing(packed) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    source = packed(packed_image("gz"))
    with pytest.raises(KeyboardInterrupt):
        unpack(source, source.with_name("disk.img"), interrupt)
    assert [each.name for each in source.parent.iterdir()] == ["download"]


def test_what_a_killed_run_left_is_overwritten(packed) -> None:
    source = packed(gzip.compress(b"short"))
    source.with_name("disk.img.part").write_bytes(IMAGE)
    unpacked(source)
    assert source.with_name("disk.img").read_bytes() == b"short"


def test_a_file_that_can_not_be_read_is_told(tmp_path) -> None:
    with pytest.raises(LabctlError, match="can't read it: No such file"):
        unpack(tmp_path / "none", tmp_path / "disk.img", lambda *_: None)


def test_a_target_that_can_not_be_written_is_told(packed, tmp_path) -> None:
    with pytest.raises(LabctlError, match="can't write it: No such file"):
        unpack(packed(gzip.compress(b"x")), tmp_path / "none" / "disk.img", lambda *_: None)


MEMORY = """
import re, sys
from pathlib import Path
from labctl.host.images import decompressors
from labctl.host.images import unpack

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

decompressors.decompressor(sys.argv[3])
before = peak()
unpack.unpack(Path(sys.argv[1]), Path(sys.argv[2]), lambda done, total: None)
print(peak() - before)
"""


@KINDS
def test_memory_does_not_grow_with_the_image(packed, kind) -> None:
    """Zeros are the worst case: a few bytes become many."""
    source = packed(zeros(kind, 128 * MIB))
    command = [sys.executable, "-c", MEMORY, str(source), str(source.with_name("disk.img")), kind]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert re.fullmatch(r"\d+\n", output)
    assert int(output) < 24 << 10
