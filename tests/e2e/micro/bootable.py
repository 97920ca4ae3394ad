"""A disk that boots by UEFI: the distribution's signed loaders and kernel on an EFI system partition.

The file system is on the whole disk, which UEFI takes as well as a partition.
"""

import subprocess
from pathlib import Path

from tests.e2e.micro import packages
from tests.e2e.micro.flavours import Flavour

SIZE = "64M"
GRUB = "linux /vmlinuz {cmdline}\ninitrd /initrd\nboot\n"


def loaders(flavour: Flavour, target: Path) -> dict[str, Path]:
    """A flavour's loaders, by where they belong."""
    return {
        each.place: packages.unpacked(each.package, target / each.package, flavour.archive) / each.path
        for each in flavour.loaders
    }


def image(files: dict[str, Path], made: Path, cmdline: str, work: Path) -> None:
    """A qcow2 with these files, by their places, and GRUB's menu."""
    raw, menu = work / "bootable.raw", work / "grub.cfg"
    menu.write_text(GRUB.format(cmdline=cmdline))
    files = files | {"EFI/debian/grub.cfg": menu}
    subprocess.run(["truncate", "-s", SIZE, raw], check=True)
    subprocess.run(["mformat", "-i", raw, "-F", "-v", "EFI", "::"], check=True)
    for folder in ("EFI", "EFI/BOOT", "EFI/debian"):
        subprocess.run(["mmd", "-i", raw, f"::{folder}"], check=True)
    for place, source in files.items():
        subprocess.run(["mcopy", "-i", raw, source, f"::{place}"], check=True)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, made], check=True)
