"""Which VMs can have their memory saved: not those with devices whose state only the host has. Pure.

libvirt refuses most of these by itself, but 9p only once the VM is paused, and none before others are saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.kinds.vm.transitions import transition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.core.xmltree import Element
    from labctl.kinds.vm.filesystems import FilesystemUse
    from labctl.kinds.vm.spec import VmSpec

REMEDY = (
    "`labctl suspend` without --disk keeps its memory in the host's, `labctl halt` shuts it down;"
    " a folder with `type: rsync` does not stand in the way"
)


def unsavable(filesystems: Iterable[FilesystemUse], root: Element) -> tuple[str, ...]:
    """What keeps the memory of a domain from being saved, in words: these folders, and the devices in its XML."""
    devices = [f"the host's {each.get('type') or 'own'} device" for each in root.iterfind("devices/hostdev")]
    nics = ["the host's network card" for _ in root.iterfind("devices/interface[@type='hostdev']")]
    return (*(f"the {use.driver} folder {use.source}" for use in filesystems), *devices, *nics)


def refusal(vm: VmSpec, before: VmSpec) -> str:
    """Why a VM can't get from its state before to the one that is wanted; empty where it can."""
    way = transition(before.state, vm.state)
    if way.saves and before.unsavable:
        return f"its memory can't be saved with {' and '.join(before.unsavable)}"
    return way.refused
