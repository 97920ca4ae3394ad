"""What a guest of each architecture needs of libvirt and QEMU. Pure.

These are the defaults of fields that the Labfile leaves out. An architecture without a row here gets libvirt's choices.
"""

from __future__ import annotations

from labctl.core.record import record


@record
class Architecture:
    """The needs of one architecture.

    `machine` is the default machine type, None for libvirt's choice; `cpu` is the CPU model of an emulated guest, None
    for QEMU's choice. `bios` says whether a disk boots without UEFI, `uefi` whether there is UEFI firmware for QEMU.
    `emulator` and `firmware` name Debian's packages.
    """

    machine: str | None = None
    cpu: str | None = None
    bios: bool = True
    uefi: bool = False
    acpi: bool = False  # with UEFI, every guest has ACPI
    apic: bool = False
    genid: bool = False  # whether QEMU can tell the guest that it goes on from a copy of its memory (vmgenid)
    tpm: str = "tpm-tis"
    keyboard: bool = (
        True  # whether a VM with a screen needs a USB keyboard, since the machine has no PS/2 keyboard
    )
    emulator: str = "qemu-system"
    firmware: str = ""


X86 = Architecture(
    uefi=True,
    acpi=True,
    apic=True,
    genid=True,
    tpm="tpm-crb",
    keyboard=False,
    emulator="qemu-system-x86",
    firmware="ovmf",
)
_ROWS = {
    "x86_64": X86,
    "i686": X86,
    # of the models that all distributions support, cortex-a57 is the fastest to emulate; `maximum` takes twice as long
    "aarch64": Architecture(
        "virt", "cortex-a57", bios=False, uefi=True, emulator="qemu-system-arm", firmware="qemu-efi-aarch64"
    ),
    "armv7l": Architecture("virt", bios=False, emulator="qemu-system-arm"),
    # its firmware, OpenSBI, boots a kernel directly, but no disk
    "riscv64": Architecture("virt", bios=False, emulator="qemu-system-misc"),
    "ppc64le": Architecture("pseries", emulator="qemu-system-ppc"),
}
# The names of dpkg, Docker and Windows → libvirt's
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
    """The needs of an architecture by libvirt's name of it; None counts as x86_64."""
    return _ROWS.get(name or "x86_64", _OTHER)


def runs_natively(guest: str, host: str) -> bool:
    """Whether KVM on a host can run a guest of an architecture."""
    return guest == host or (guest, host) in {("i686", "x86_64"), ("armv7l", "aarch64")}
