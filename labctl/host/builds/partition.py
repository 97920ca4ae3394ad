"""A disk that boots with BIOS and with UEFI, made in a file and without root: a GPT with three partitions.

    1   1 MiB  BIOS boot        GRUB's core image, which the boot sector loads
    2  64 MiB  EFI system       EFI/BOOT/BOOT….EFI, which firmware starts when it has no other boot entry
    3  the rest, Linux          the root, last so that it can grow; GRUB's menu is its /boot/grub/grub.cfg

mkfs.ext4 makes the root's file system, at an offset in the file.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.host.machine import command

if TYPE_CHECKING:
    from collections.abc import Sequence

SECTOR, MIB = 512, 1 << 20
CORE_AT, EFI_AT, ROOT_AT = 1 * MIB, 2 * MIB, 66 * MIB
TAIL = 1 * MIB  # the second copy of the table
LAYOUT = """\
label: gpt
start={core}, size={core_size}, type=21686148-6449-6E6F-744E-656564454649, name=bios
start={efi}, size={efi_size}, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=efi
start={root}, size={root_size}, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=root
"""

GRUB = Path("/usr/lib/grub")
PREFIX = "(,gpt3)/boot/grub"  # on the disk that the firmware loaded GRUB from
MODULES = ("part_gpt", "ext2", "normal", "linux", "test", "echo", "ls", "cat", "configfile", "reboot", "halt")
BIOS_MODULES = (*MODULES, "biosdisk", "serial", "terminal")
EFI_MODULES = (*MODULES, "fat", "efi_gop", "serial", "terminal")
EFI = {"x86_64": ("x86_64-efi", "BOOTX64.EFI"), "aarch64": ("arm64-efi", "BOOTAA64.EFI")}

# GRUB's include/grub/i386/pc/boot.h, and offsetof(firstlist) of grub-core/boot/i386/pc/diskboot.S
BOOT_CODE_END = 0x1B8
KERNEL_SECTOR, DRIVE_CHECK, FIRST_LIST = 0x5C, 0x66, 0x1F4
NOPS = b"\x90\x90"


def tools(arch: str) -> dict[str, str]:
    """The programs and the files of GRUB that making such a disk needs → their Debian packages."""
    common = {"sfdisk": "fdisk", "mformat": "mtools", "grub-mkimage": "grub-common"}
    if arch == "aarch64":
        return {**common, f"{GRUB}/arm64-efi/moddep.lst": "grub-efi-arm64-bin"}
    platforms = {"i386-pc/boot.img": "grub-pc-bin", "x86_64-efi/moddep.lst": "grub-efi-amd64-bin"}
    return {**common, **{f"{GRUB}/{file}": package for file, package in platforms.items()}}


def root_extent(size: int) -> tuple[int, int]:
    """The first byte and the length in bytes of the root's partition on a disk of `size` bytes."""
    return ROOT_AT, size - ROOT_AT - TAIL


def write_table(disk: Path) -> None:
    """Give the disk its partitions. LabctlError when sfdisk fails."""
    start, length = root_extent(disk.stat().st_size)
    script = disk.with_suffix(".layout")
    script.write_text(
        LAYOUT.format(
            core=CORE_AT // SECTOR,
            core_size=(EFI_AT - CORE_AT) // SECTOR,
            efi=EFI_AT // SECTOR,
            efi_size=(ROOT_AT - EFI_AT) // SECTOR,
            root=start // SECTOR,
            root_size=length // SECTOR,
        ),
        encoding="utf-8",
    )
    _run(["sh", "-c", 'exec sfdisk --quiet --no-reread --no-tell-kernel "$1" <"$2"', "sh", disk, script])
    script.unlink()


def install_grub(disk: Path, arch: str) -> None:
    """Put GRUB where UEFI and, on x86_64, BIOS look for it. LabctlError when one of its tools fails."""
    if arch == "x86_64":
        _install_bios(disk)
    _install_efi(disk, *EFI[arch])


def _install_bios(disk: Path) -> None:
    """Do the work of grub-bios-setup, which itself needs root and a block device."""
    core = bytearray(_image(disk, "i386-pc", BIOS_MODULES))
    boot = bytearray((GRUB / "i386-pc/boot.img").read_bytes())
    first = CORE_AT // SECTOR
    struct.pack_into("<Q", boot, KERNEL_SECTOR, first)
    boot[DRIVE_CHECK : DRIVE_CHECK + len(NOPS)] = (
        NOPS  # GRUB then takes the number of the boot disk that BIOS gives
    )
    struct.pack_into("<Q", core, FIRST_LIST, first + 1)
    assert len(core) <= EFI_AT - CORE_AT
    with disk.open("r+b") as file:
        file.write(boot[:BOOT_CODE_END])
        file.seek(CORE_AT)
        file.write(core)


def _install_efi(disk: Path, platform: str, name: str) -> None:
    program = disk.with_suffix(".efi")
    program.write_bytes(_image(disk, platform, EFI_MODULES))
    inside = f"{disk}@@{EFI_AT}"
    sectors = (ROOT_AT - EFI_AT) // SECTOR
    _run(["mformat", "-i", inside, "-F", "-c", "1", "-T", sectors, "-h", "255", "-s", "63", "::"])
    _run(["mmd", "-i", inside, "::/EFI", "::/EFI/BOOT"])
    _run(["mcopy", "-i", inside, program, f"::/EFI/BOOT/{name}"])
    program.unlink()


def _image(disk: Path, platform: str, modules: Sequence[str]) -> bytes:
    """Make a GRUB image with all modules that it needs, so that it loads none from the root's file system."""
    image = disk.with_suffix(f".{platform}")
    where: list[str | Path] = ["--directory", GRUB / platform, "--prefix", PREFIX, "--output", image]
    _run(["grub-mkimage", "--format", platform, *where, *modules])
    made = image.read_bytes()
    image.unlink()
    return made


def _run(argv: Sequence[str | int | Path]) -> None:
    """Run a tool; the user's ~/.mtoolsrc has no influence on mtools."""
    command.run([str(each) for each in argv], lambda _line: None, environment={"MTOOLSRC": "/dev/null"})
