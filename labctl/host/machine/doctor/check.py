"""The result of a check, and the commands of this distribution that mend a problem."""

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
    """The result of a check: `found` says what was seen, `fix` is the command that mends a problem.

    What else is to be said is `advice`, with commands between backticks; it is there alone where no command mends it.
    """

    name: str
    verdict: Verdict
    found: str
    fix: str = ""
    advice: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "verdict": self.verdict,
            "found": self.found,
            "fix": self.fix or self.advice,
        }


# A program or group of programs → its packages in Debian, Fedora and Arch
PACKAGES = {
    "libvirt": ("libvirt-daemon-system", "libvirt", "libvirt"),
    "qemu": ("qemu-system-x86", "qemu-kvm", "qemu-base"),
    "dnsmasq": ("dnsmasq-base", "dnsmasq", "dnsmasq"),
    "qemu-img": ("qemu-utils", "qemu-img", "qemu-img"),
    "mkfs.ext4": ("e2fsprogs", "e2fsprogs", "e2fsprogs"),
    "mmdebstrap": ("mmdebstrap", "mmdebstrap", "mmdebstrap"),
    "ansible-playbook": ("ansible-core", "ansible-core", "ansible-core"),
    "ssh": ("openssh-client", "openssh-clients", "openssh"),
    # swtpm_setup, which makes a TPM's state, may be in a package of its own
    "swtpm": ("swtpm swtpm-tools", "swtpm swtpm-tools", "swtpm"),
    "qemu-system": ("qemu-system", "qemu", "qemu-full"),
    "qemu-system-x86": ("qemu-system-x86", "qemu-kvm", "qemu-base"),
    "qemu-system-arm": ("qemu-system-arm", "qemu-system-aarch64", "qemu-system-aarch64"),
    "qemu-system-misc": ("qemu-system-misc", "qemu-system-riscv", "qemu-system-riscv"),
    "qemu-system-ppc": ("qemu-system-ppc", "qemu-system-ppc", "qemu-system-ppc"),
    "ovmf": ("ovmf", "edk2-ovmf", "edk2-ovmf"),
    "qemu-efi-aarch64": ("qemu-efi-aarch64", "edk2-aarch64", "edk2-aarch64"),
    "socat": ("socat", "socat", "socat"),
    "rsync": ("rsync", "rsync", "rsync"),
    "virtiofsd": ("virtiofsd", "virtiofsd", "virtiofsd"),
    "virtiofsd of qemu": ("qemu-system-common", "virtiofsd", "virtiofsd"),
    "uidmap": ("uidmap", "shadow-utils", "shadow"),
    "pasta": ("passt", "passt", "passt"),
    "ssh-keygen": ("openssh-client", "openssh-clients", "openssh"),
}
_VIRTIOFSD_DEBIAN, _VIRTIOFSD_UBUNTU = 13, 23  # the first with a package of its own
_INSTALL = ("apt-get install", "dnf install", "pacman -S")
_FAMILIES = ({"debian", "ubuntu"}, {"fedora", "rhel", "centos", "suse"}, {"arch"})


@record
class Distribution:
    """The commands of one family of distributions; `family` is the index into the values of PACKAGES.

    In the `older` ones of Debian's, virtiofsd is a part of QEMU.
    """

    family: int
    sudo: str
    older: bool = False

    def install(self, *what: str) -> str:
        packages = dict.fromkeys(PACKAGES[each][self.family] for each in what)
        return f"{self.sudo}{_INSTALL[self.family]} {' '.join(packages)}"

    @property
    def virtiofsd(self) -> str:
        return self.install("virtiofsd of qemu" if self.older else "virtiofsd")

    def as_root(self, command: str) -> str:
        return self.sudo + command


def distribution(release: Path = Path("/etc/os-release")) -> Distribution:
    """Detect the distribution of this host; an unknown one counts as Debian."""
    try:
        text = release.read_text(encoding="utf-8")
    except OSError:
        text = ""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    names = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".replace('"', "").split()
    family = next((at for at, known in enumerate(_FAMILIES) if known & set(names)), 0)
    major = values.get("VERSION_ID", "").strip('"').partition(".")[0]
    older = major.isdecimal() and (int(major) < _VIRTIOFSD_DEBIAN or 20 <= int(major) < _VIRTIOFSD_UBUNTU)
    return Distribution(family, "" if os.geteuid() == 0 else "sudo ", older)
