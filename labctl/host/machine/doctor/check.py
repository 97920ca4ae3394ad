"""The result of a look at one thing, and how this distribution mends it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, Literal

from labctl.core.record import record

OK: Final = "ok"
WARN: Final = "warn"
FAIL: Final = "fail"
Verdict = Literal["ok", "warn", "fail"]


@record
class Check:
    """`found` is what was seen, `fix` the command or advice that mends it, empty where there is nothing to mend."""

    name: str
    verdict: Verdict
    found: str
    fix: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "verdict": self.verdict, "found": self.found, "fix": self.fix}


# What we need → its package, for Debian, Fedora and Arch.
PACKAGES = {
    "libvirt": ("libvirt-daemon-system", "libvirt", "libvirt"),
    "qemu": ("qemu-system-x86", "qemu-kvm", "qemu-base"),
    "dnsmasq": ("dnsmasq-base", "dnsmasq", "dnsmasq"),
    "qemu-img": ("qemu-utils", "qemu-img", "qemu-img"),
    "mkfs.ext4": ("e2fsprogs", "e2fsprogs", "e2fsprogs"),
    "mmdebstrap": ("mmdebstrap", "mmdebstrap", "mmdebstrap"),
    "ssh": ("openssh-client", "openssh-clients", "openssh"),
    # swtpm and its swtpm_setup, which makes a TPM's state
    "swtpm": ("swtpm swtpm-tools", "swtpm swtpm-tools", "swtpm"),
    "qemu-system": ("qemu-system", "qemu", "qemu-full"),
    "qemu-system-x86": ("qemu-system-x86", "qemu-kvm", "qemu-base"),
    "qemu-system-arm": ("qemu-system-arm", "qemu-system-aarch64", "qemu-system-aarch64"),
    "qemu-system-misc": ("qemu-system-misc", "qemu-system-riscv", "qemu-system-riscv"),
    "qemu-system-ppc": ("qemu-system-ppc", "qemu-system-ppc", "qemu-system-ppc"),
    "ovmf": ("ovmf", "edk2-ovmf", "edk2-ovmf"),
    "qemu-efi-aarch64": ("qemu-efi-aarch64", "edk2-aarch64", "edk2-aarch64"),
    "ssh-keygen": ("openssh-client", "openssh-clients", "openssh"),
}
_INSTALL = ("apt-get install", "dnf install", "pacman -S")
_FAMILIES = ({"debian", "ubuntu"}, {"fedora", "rhel", "centos", "suse"}, {"arch"})


@record
class Distribution:
    """Words commands for one family of distributions; `family` counts in the order of PACKAGES."""

    family: int
    sudo: str

    def install(self, *what: str) -> str:
        packages = dict.fromkeys(PACKAGES[each][self.family] for each in what)
        return f"{self.sudo}{_INSTALL[self.family]} {' '.join(packages)}"

    def as_root(self, command: str) -> str:
        return self.sudo + command


def distribution(release: Path = Path("/etc/os-release")) -> Distribution:
    """Read which distribution this is; an unknown one counts as Debian."""
    try:
        text = release.read_text(encoding="utf-8")
    except OSError:
        text = ""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    names = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".replace('"', "").split()
    family = next((at for at, known in enumerate(_FAMILIES) if known & set(names)), 0)
    return Distribution(family, "" if os.geteuid() == 0 else "sudo ")
