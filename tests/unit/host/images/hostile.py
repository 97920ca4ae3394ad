"""Images that point elsewhere, lie or are damaged, made on the spot: by qemu-img where it makes such, else by packing.

Each comes with what its refusal says. CANARY is the file that the pointing ones point at.
"""

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from labctl.host.images.convertible import vhdx

SECTOR = 512
DISK = 8 << 20
SUBFORMATS = ("monolithicSparse", "streamOptimized")


@dataclass(frozen=True)
class Hostile:
    path: Path
    inspected: str  # what qcow2.inspect says
    converted: str  # what convert says


def qemu_img(*arguments: object) -> None:
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, capture_output=True)


def made(path: Path, kind: str, *options: object) -> Path:
    qemu_img("create", "-q", "-f", kind, *options, path, DISK)
    return path


def patched(source: Path, name: str, *patches: tuple[int, bytes]) -> Path:
    data = bytearray(source.read_bytes())
    for offset, new in patches:
        data[offset : offset + len(new)] = new
    path = source.with_name(name)
    path.write_bytes(data)
    return path


def corpus(folder: Path, canary: Path) -> list[Hostile]:
    return [*qcow2s(folder, canary), *vmdks(folder, canary), *vdis(folder), *vhdxs(folder), *vhds(folder)]


def qcow2s(folder: Path, canary: Path) -> list[Hostile]:
    options = {
        "backing.qcow2": ("-b", canary, "-F", "raw"),
        "json.qcow2": ("-u", "-b", f'json:{{"file":{{"driver":"file","filename":"{canary}"}}}}', "-F", "raw"),
        "nbd.qcow2": ("-u", "-b", "nbd://localhost:1/", "-F", "raw"),
        "v2.qcow2": ("-o", "compat=0.10", "-b", canary, "-F", "raw"),
    }
    found = [
        Hostile(made(folder / name, "qcow2", *each), "backing file", "not a VMDK")
        for name, each in options.items()
    ]
    data = made(folder / "data.qcow2", "qcow2", "-o", f"data_file={folder / 'data'},data_file_raw=on")
    text = data.read_bytes().replace(bytes(folder / "data"), bytes(folder / "cana"))
    data.write_bytes(text)
    snapshot = made(folder / "snapshot.qcow2", "qcow2")
    qemu_img("snapshot", "-c", "before", snapshot)
    bitmap = made(folder / "bitmap.qcow2", "qcow2")
    qemu_img("bitmap", "--add", bitmap, "changes")
    return [
        *found,
        Hostile(data, "external data file", "not a VMDK"),
        Hostile(snapshot, "internal snapshots", "not a VMDK"),
        Hostile(bitmap, "bitmaps", "not a VMDK"),
        Hostile(made(folder / "i.qed", "qed", "-b", canary, "-F", "raw"), "QED", "not a VMDK"),
    ]


def vmdks(folder: Path, canary: Path) -> list[Hostile]:
    def text(name: str, content: str) -> Path:
        (folder / name).write_text(content)
        return folder / name

    flat = f'version=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "{canary}" 0\n'
    found = [
        (text("flat.vmdk", f"# Disk DescriptorFile\n{flat}"), f"other files .'{str(canary)[:20]}"),
        (text("blank.vmdk", f"\n  \n# hello\n{flat}"), "monolithicFlat"),
        (text("bom.vmdk", f"\ufeff# Disk DescriptorFile\n{flat}"), "monolithicFlat"),
        (made(folder / "two.vmdk", "vmdk", "-o", "subformat=twoGbMaxExtentSparse"), "two-s001.vmdk"),
        (folder / "two-s001.vmdk", "without a descriptor"),
        (made(folder / "flats.vmdk", "vmdk", "-o", "subformat=twoGbMaxExtentFlat"), "flats-f001.vmdk"),
        *_patched_vmdks(folder, canary),
    ]
    return [Hostile(path, "VMDK", message) for path, message in found]


def _patched_vmdks(folder: Path, canary: Path) -> list[tuple[Path, str]]:
    good = made(folder / "good.vmdk", "vmdk")
    descriptor = good.read_bytes()[SECTOR : 20 * SECTOR].rstrip(b"\0")
    hint = b'\nparentFileNameHint="%s"\n' % bytes(canary)

    def sparse(name: str, *patches: tuple[int, bytes]) -> Path:
        return patched(good, name, *patches)

    def described(name: str, old: str, new: str) -> Path:
        assert old.encode() in descriptor
        changed = descriptor.replace(old.encode(), new.encode())
        return sparse(name, (SECTOR, changed.ljust(len(descriptor), b"\0")))

    made(folder / "parent.vmdk", "vmdk")
    elsewhere = struct.pack("<Q", good.stat().st_size // SECTOR)
    moved = sparse("moved.vmdk", (SECTOR, hint + b"\0"), (28, elsewhere))
    moved.write_bytes(moved.read_bytes() + descriptor.ljust(20 * SECTOR, b"\0"))
    return [
        (
            made(folder / "child.vmdk", "vmdk", "-b", folder / "parent.vmdk", "-F", "vmdk"),
            "names a parent disk",
        ),
        (sparse("hint.vmdk", (SECTOR + len(descriptor), hint)), "names a parent disk"),
        (sparse("behind.vmdk", (19 * SECTOR, hint), (36, b"\x02")), "names a parent disk"),
        (described("cid.vmdk", "parentCID=ffffffff", "parentCID=1234abcd"), "needs a parent"),
        (described("type.vmdk", "monolithicSparse", "vmfsSparse"), "type 'vmfsSparse'"),
        (described("extent.vmdk", " SPARSE ", " FLAT "), "other files"),
        (moved, "without a descriptor"),
        (sparse("none.vmdk", (28, bytes(8))), "without a descriptor"),
        (sparse("nothing.vmdk", (12, bytes(8))), "empty"),
        (sparse("huge.vmdk", (12, b"\xff" * 7)), "more than 16 TiB"),
        (sparse("version.vmdk", (4, b"\4")), "version 4"),
        (sparse("grain.vmdk", (20, struct.pack("<Q", 1 << 40))), "grains"),
        (sparse("table.vmdk", (44, b"\0\0\1\0")), "oversized tables"),
        (sparse("wide.vmdk", (12, b"\xff" * 4), (20, b"\1"), (44, b"\1\0\0\0")), "oversized tables"),
        (sparse("far.vmdk", (56, b"\xff" * 4)), "beyond its end"),
        (sparse("footer.vmdk", (56, b"\xff" * 8)), "without its footer"),
        (sparse("squeezed.vmdk", (77, b"\7")), "unknown compression"),
        (sparse("esx.vmdk", (0, b"COWD")), "ESX"),
        (_footed(sparse("footed.vmdk", (56, b"\xff" * 8)), (12, b"\xff\xff\xff")), "disagree"),
        (_footed(sparse("endless.vmdk", (56, b"\xff" * 8))), "disagree"),
    ]


def _footed(path: Path, *patches: tuple[int, bytes]) -> Path:
    """With a footer: its header again, but for the patches."""
    data = path.read_bytes()
    footer = bytearray(data[:SECTOR])
    for offset, new in patches:
        footer[offset : offset + len(new)] = new
    marker = struct.pack("<QII", 1, 0, 3).ljust(SECTOR, b"\0")
    path.write_bytes(data.ljust(-(-len(data) // SECTOR) * SECTOR, b"\0") + marker + footer + bytes(SECTOR))
    return path


def footed_good(folder: Path, good: Path) -> Path:
    """A VMDK that was written as a stream: the header says that the footer knows where the grain directory is."""
    directory = good.read_bytes()[56:64]
    return _footed(patched(good, "stream.vmdk", (56, b"\xff" * 8)), (56, directory))


def vdis(folder: Path) -> list[Hostile]:
    good = made(folder / "good.vdi", "vdi")
    patches: dict[str, tuple[tuple[int, bytes], str]] = {
        "version": ((0x44, b"\0\0\2\0"), "version 2.0"),
        "differencing": ((0x4C, b"\4"), "parent disk"),
        "undo": ((0x4C, b"\3"), "parent disk"),
        "link": ((0x1A8, b"\1"), "parent disk"),
        "parent": ((0x1B8, b"\1"), "parent disk"),
        "sectors": ((0x168, b"\0\x10"), "sectors of 4096"),
        "blocks": ((0x178, b"\0\0\0\1"), "blocks of 16777216"),
        "huge": ((0x170, b"\xff" * 8), "more than 16 TiB"),
        "empty": ((0x170, bytes(8)), "empty"),
        "wider": ((0x170, b"\0\0\0\0\1"), "does not fit"),
        "map": ((0x154, b"\1"), "misplaced"),
        "beyond": ((0x154, b"\0\0\0\x70"), "beyond its end"),
    }
    return [
        Hostile(patched(good, f"{name}.vdi", patch), "VDI", message)
        for name, (patch, message) in patches.items()
    ]


def vhdxs(folder: Path) -> list[Hostile]:
    good = made(folder / "good.vhdx", "vhdx")
    data = good.read_bytes()

    def header_log(guid: bytes) -> list[tuple[int, bytes]]:
        return [(at + 48, guid) for at in vhdx.HEADERS_AT]

    def item(guid: bytes) -> int:
        """Where the item's content is."""
        entry = data.index(guid)
        return data.index(b"metadata") + int.from_bytes(data[entry + 16 : entry + 20], "little")

    flags, size = item(vhdx.FILE_PARAMETERS), item(vhdx.VIRTUAL_DISK_SIZE)
    bat = data.index(vhdx.BAT)
    patches: dict[str, tuple[list[tuple[int, bytes]], str]] = {
        "differencing": ([(flags + 4, b"\2")], "parent disk"),
        "locator": ([(data.index(vhdx.PAGE_83), vhdx.PARENT_LOCATOR)], "parent disk"),
        "log": (header_log(b"\1"), "not closed properly"),
        "headless": ([(at, b"daeh") for at in vhdx.HEADERS_AT], "without a header"),
        "huge": ([(size, b"\0\0\0\0\0\0\0\x80")], "more than 16 TiB"),
        "wider": ([(size, b"\0\0\0\0\0\1\0\0")], "does not fit"),
        "odd": ([(size, b"\1")], "bytes in blocks"),
        "block": ([(flags, b"\0\0\0\0")], "in blocks of 0"),
        "sector": ([(item(vhdx.LOGICAL_SECTOR_SIZE), b"\0\x10")], "sectors of 4096"),
        "regions": ([(vhdx.REGIONS_AT + 8, b"\xff\xff")], "without a region table"),
        "repeated": ([(data.index(vhdx.METADATA, bat), vhdx.BAT)], "repeated regions"),
        "unknown": ([(bat, b"\1"), (bat + 28, b"\1")], "unknown or repeated regions"),
        "early": ([(bat + 16, bytes(8))], "misplaced"),
        "beyond": ([(bat + 16, b"\0\0\0\0\0\0\0\xff")], "beyond its end"),
        "metadata": ([(data.index(b"metadata"), b"M")], "without metadata"),
        "lacking": ([(data.index(vhdx.PAGE_83), bytes(16)), (data.index(vhdx.PAGE_83) + 24, b"\0")], "lack"),
    }
    return [
        Hostile(patched(good, f"{name}.vhdx", *each), "VHDX", message)
        for name, (each, message) in patches.items()
    ]


def vhds(folder: Path) -> list[Hostile]:
    good = made(folder / "good.vpc", "vpc")
    fixed = made(folder / "fixed.vpc", "vpc", "-o", "subformat=fixed")
    end = fixed.stat().st_size - SECTOR
    patches: dict[str, tuple[Path, tuple[int, bytes], str]] = {
        "differencing": (good, (63, b"\4"), "parent disk"),
        "misplaced": (good, (63, b"\2"), "not where its type"),
        "huge": (good, (48, b"\xff"), "more than 16 TiB"),
        "wider": (good, (52, b"\x7f"), "does not fit"),
        "cookie": (good, (SECTOR, b"x"), "second header"),
        "uuid": (good, (SECTOR + 40, b"\1"), "names a parent"),
        "name": (good, (SECTOR + 64, b"\0c"), "names a parent"),
        "locator": (good, (SECTOR + 576, b"W2ku"), "names a parent"),
        "block": (good, (SECTOR + 32, b"\7"), "blocks of"),
        "table": (good, (SECTOR + 16, b"\xff"), "beyond its end"),
        "header": (good, (16, b"\xff" * 8), "truncated"),
        "fixed": (fixed, (end + 48, b"\0\0\1"), "truncated"),
        "grows": (fixed, (end + 63, b"\3"), "not where its type"),
    }
    return [
        Hostile(patched(source, f"{name}.vpc", patch), "VHD", message)
        for name, (source, patch, message) in patches.items()
    ]
