"""A disk with GRUB, as the firmware and fdisk see it; tests/e2e boots one."""

import json
import struct
import subprocess
from pathlib import Path

import pytest

from labctl.host.builds import partition
from labctl.host.machine import command

MIB = 1 << 20
SIZE = 256 * MIB


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A partitioned disk."""
    if command.path("sfdisk") is None:
        pytest.skip("no sfdisk here")
    path = tmp_path / "disk.raw"
    with path.open("wb") as file:
        file.truncate(SIZE)
    partition.write_table(path)
    return path


@pytest.fixture
def grub(disk: Path) -> Path:
    """One with GRUB."""
    if any(not Path(each).exists() for each in partition.tools("x86_64") if "/" in each):
        pytest.skip("no GRUB for x86_64 here")
    partition.install_grub(disk, "x86_64")
    return disk


def test_the_root_is_the_last_of_three_partitions(disk: Path) -> None:
    listing = subprocess.run(
        [command.path("sfdisk"), "--json", disk], check=True, capture_output=True, text=True
    ).stdout
    table = json.loads(listing)["partitiontable"]
    assert table["label"] == "gpt"
    assert [(each["name"], each["start"] % 2048) for each in table["partitions"]] == [
        ("bios", 0),
        ("efi", 0),
        ("root", 0),
    ]
    root = table["partitions"][2]
    assert (root["start"] * 512, root["size"] * 512) == partition.root_extent(SIZE)


def test_bios_finds_a_chain_of_sectors(grub: Path) -> None:
    data = grub.read_bytes()
    assert data[510:512] == b"\x55\xaa"
    assert data[446 + 4] == 0xEE  # the protective MBR's one partition is still there
    (core,) = struct.unpack_from("<Q", data, 0x5C)
    assert core * 512 == partition.CORE_AT
    start, sectors, segment = struct.unpack_from("<QHH", data, partition.CORE_AT + 500)
    assert (start, segment) == (core + 1, 0x820)
    assert data[(start + sectors) * 512 : partition.EFI_AT].strip(b"\0") == b""
    assert data[(start + sectors - 1) * 512 : (start + sectors) * 512].strip(b"\0")


def test_uefi_finds_a_program(grub: Path, tmp_path: Path) -> None:
    image = f"{grub}@@{partition.EFI_AT}"
    subprocess.run(["mcopy", "-i", image, "::/EFI/BOOT/BOOTX64.EFI", tmp_path / "copy"], check=True)
    program = (tmp_path / "copy").read_bytes()
    assert program[:2] == b"MZ"
    assert partition.PREFIX.encode() in program


def test_nothing_lies_where_the_root_will_be(grub: Path) -> None:
    start, length = partition.root_extent(SIZE)
    with grub.open("rb") as file:
        file.seek(start)
        assert not file.read(length).strip(b"\0")
    assert [each.name for each in grub.parent.iterdir()] == ["disk.raw"]
