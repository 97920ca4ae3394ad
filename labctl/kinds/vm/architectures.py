"""What a guest of each architecture needs of libvirt and QEMU. Pure.

Where a field of the Labfile is left out, its value comes from here. Of an architecture that stands in no row, libvirt's
own choices are taken.
"""

from __future__ import annotations

from labctl.core.record import record


@record
class Architecture:
    """One row.

    `machine` is the default type, None for libvirt's own; `cpu` the model of an emulated guest, None for QEMU's own.
    `bios` is whether a disk boots without UEFI, `uefi` whether QEMU comes with such firmware. `emulator` and `firmware`
    name Debian's packages.
    """

    machine: str | None = None
    cpu: str | None = None
    bios: bool = True
    uefi: bool = False
    acpi: bool = False  # also without UEFI
    apic: bool = False
    tpm: str = "tpm-tis"
    keyboard: bool = True  # a screen needs a USB keyboard beside it, for want of a PS/2 one
    emulator: str = "qemu-system"
    firmware: str = ""


X86 = Architecture(
    uefi=True,
    acpi=True,
    apic=True,
    tpm="tpm-crb",
    keyboard=False,
    emulator="qemu-system-x86",
    firmware="ovmf",
)
_ROWS = {
    "x86_64": X86,
    "i686": X86,
    # cortex-a57 is the quickest to emulate that all distributions run on, `maximum` takes twice as long
    "aarch64": Architecture(
        "virt", "cortex-a57", bios=False, uefi=True, emulator="qemu-system-arm", firmware="qemu-efi-aarch64"
    ),
    "armv7l": Architecture("virt", bios=False, emulator="qemu-system-arm"),
    # its firmware, OpenSBI, boots a kernel that it is given, and no disk
    "riscv64": Architecture("virt", bios=False, emulator="qemu-system-misc"),
    "ppc64le": Architecture("pseries", emulator="qemu-system-ppc"),
}
# What others call them: dpkg, Docker, Windows
ELSEWHERE = {
    "amd64": "x86_64",
    "x64": "x86_64",
    "i386": "i686",
    "x86": "i686",
    "arm64": "aarch64",
    "armhf": "armv7l",
    "ppc64el": "ppc64le",
}
_OTHER = Architecture()


def of(name: str | None) -> Architecture:
    """The row of an architecture, by libvirt's word for it; None counts as x86_64."""
    return _ROWS.get(name or "x86_64", _OTHER)


def runs_natively(guest: str, host: str) -> bool:
    """Whether a host's own CPU can run a guest of that architecture: KVM never runs a foreign one."""
    return guest == host or (guest, host) in {("i686", "x86_64"), ("armv7l", "aarch64")}
