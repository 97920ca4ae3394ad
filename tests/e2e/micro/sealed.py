"""A disk that boots by secure boot: the distribution's signed shim, GRUB and kernel on an EFI system partition.

The file system is on the whole disk, which UEFI takes as well as a partition.
"""

import subprocess
from pathlib import Path

from tests.e2e.micro import packages

SIZE = "64M"
PACKAGES = {
    "shim-signed": ("usr/lib/shim/shimx64.efi.signed", "EFI/BOOT/BOOTX64.EFI"),
    "grub-efi-amd64-signed": ("usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", "EFI/BOOT/grubx64.efi"),
}
GRUB = "linux /vmlinuz {cmdline}\ninitrd /initrd\nboot\n"


def loaders(target: Path) -> dict[str, Path]:
    """The signed loaders, by where they belong."""
    unpacked = {name: packages.unpacked(name, target / name) for name in PACKAGES}
    return {place: unpacked[name] / path for name, (path, place) in PACKAGES.items()}


def image(files: dict[str, Path], made: Path, cmdline: str, work: Path) -> None:
    """A qcow2 with these files, by their places, and GRUB's menu."""
    raw, menu = work / "sealed.raw", work / "grub.cfg"
    menu.write_text(GRUB.format(cmdline=cmdline))
    files = files | {"EFI/debian/grub.cfg": menu}
    subprocess.run(["truncate", "-s", SIZE, raw], check=True)
    subprocess.run(["mformat", "-i", raw, "-F", "-v", "EFI", "::"], check=True)
    for folder in ("EFI", "EFI/BOOT", "EFI/debian"):
        subprocess.run(["mmd", "-i", raw, f"::{folder}"], check=True)
    for place, source in files.items():
        subprocess.run(["mcopy", "-i", raw, source, f"::{place}"], check=True)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, made], check=True)
