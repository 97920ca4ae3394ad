"""Which VMs can have their memory saved: not those with devices whose state only the host has. Pure.

libvirt refuses most of these by itself, but 9p only once the VM is paused, and none before others are saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.errors import Problem
from labctl.kinds.vm.transitions import transition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.core.xmltree import Element
    from labctl.kinds.vm.filesystems import FilesystemUse
    from labctl.kinds.vm.spec import VmSpec

_RSYNC = "a folder with `type: rsync` does not stand in the way"


def unsavable(filesystems: Iterable[FilesystemUse], root: Element) -> tuple[str, ...]:
    """What keeps the memory of a domain from being saved, in words: these folders, and the devices in its XML."""
    devices = [f"the host's {each.get('type') or 'own'} device" for each in root.iterfind("devices/hostdev")]
    nics = ["the host's network card" for _ in root.iterfind("devices/interface[@type='hostdev']")]
    return (*(f"the {use.driver} folder {use.source}" for use in filesystems), *devices, *nics)


def with_rsync(vm: VmSpec, hint: str) -> str:
    """A hint, with what helps where folders are what keeps a VM's memory from being saved."""
    return f"{hint}; {_RSYNC}" if vm.filesystems else hint


def refusal(vm: VmSpec, before: VmSpec) -> Problem | None:
    """Why a VM can't get from its state before to the one that is wanted; None where it can."""
    way = transition(before.state, vm.state)
    if way.saves and before.unsavable:
        hint = "`labctl suspend` without --disk keeps its memory in the host's, `labctl halt` shuts it down"
        return Problem(
            f"its memory can't be saved with {' and '.join(before.unsavable)}",
            str(vm.address),
            hint=with_rsync(before, hint),
        )
    return Problem(way.refused, str(vm.address)) if way.refused else None
