"""What stands against saving a VM with its memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.errors import FOREIGN, Problem
from labctl.core.lifecycle import ACTIVE, State
from labctl.kinds.vm.savable import with_rsync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.kinds.vm.spec import VmSpec


def unsavable(vm: VmSpec, folder: str) -> Iterator[Problem]:
    """What stands against saving a VM, each with what to do; `folder` is that of the lab's pool."""
    off = f"`labctl halt {vm.name}` first: a VM that is off is saved with it"
    variables = f"{folder}/{identity.nvram_volume(vm.name)}"
    rows = (
        (vm.state is State.SAVED, "it is suspended to disk", "`labctl resume` lets it go on"),
        (vm.state is State.CRASHED, "its guest crashed", "`labctl up` restarts it"),
        (
            bool(vm.unsavable) and vm.state in ACTIVE,
            f"its memory can't be, with {' and '.join(vm.unsavable)}",
            with_rsync(vm, off),
        ),
        (
            vm.firmware == "uefi" and vm.nvram != variables,
            "the variables of its UEFI are not in the lab's pool",
            _moving(vm, variables),
        ),
        (vm.tpm, "labctl can't save the state of its TPM", "without `tpm` it can be saved"),
    )
    for stands, reason, hint in rows:
        if stands:
            yield Problem(f"it can't be saved: {reason}", str(vm.address), None, hint, FOREIGN)


def _moving(vm: VmSpec, to: str) -> str:
    """How the variables of a UEFI get to another path."""
    had = vm.nvram or f"{vm.libvirt_name}_VARS.fd in libvirt's folder qemu/nvram"
    edit = f"with `virsh edit {vm.libvirt_name}` put <nvram>{to}</nvram> into <os>"
    return f"`labctl halt {vm.name}`, copy {had} to {to}, and {edit}"
