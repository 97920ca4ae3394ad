"""The live state of a VM may differ from its definition; this module chooses which a plan compares. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.record import replace
from labctl.guest.nic_config import NicConfig
from labctl.kinds.vm.disks_and_nics import DiskUse, NicUse

if TYPE_CHECKING:
    from labctl.core.spec import Item
    from labctl.kinds.vm.spec import VmSpec


def as_it_runs(defined: VmSpec, live: VmSpec, wanted: VmSpec | None) -> VmSpec:
    """The spec to compare with the wanted one: the definition, but the live value where the definition is as wanted.

    So a plan shows a change that someone made only to the running domain, and one made only to its definition.
    """
    seen = replace(defined, ready=live.ready, unmarked=defined.unmarked or live.unmarked)
    seen = replace(seen, unsavable=live.unsavable, nvram=live.nvram)
    for name in ("disks", "nics", "filesystems", "memory", "max_memory", "cpus"):
        if wanted is None or _same(getattr(defined, name), getattr(wanted, name)):
            seen = replace(seen, **{name: _as_it_runs(name, live, defined)})
    return seen


def _same(one: object, other: object) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return {repr(_bare(each)) for each in one} == {repr(_bare(each)) for each in other}
    return one == other


def _bare(item: Item) -> Item:
    """A device without libvirt's choices, and without the values that other places than its XML have."""
    if isinstance(item, DiskUse):
        return replace(item, target="", below=(), volume=())
    return replace(item, guest=NicConfig()) if isinstance(item, NicUse) else item


def _as_it_runs(name: str, live: VmSpec, defined: VmSpec) -> Any:
    """A field of the running domain, without differences that nobody made."""
    if name == "memory" and live.memory == live.max_memory:
        return defined.memory  # the guest's balloon driver shrinks the memory later, or never
    if name == "nics":  # the definition's metadata has what a guest was told
        told = {nic.name: nic.guest for nic in defined.nics}
        return tuple(replace(nic, guest=told.get(nic.name, NicConfig())) for nic in live.nics)
    return getattr(live, name)
