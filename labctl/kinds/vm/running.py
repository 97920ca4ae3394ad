"""A VM may run otherwise than it is defined: which of the two is compared with what is wanted. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.record import replace
from labctl.guest.nic_config import NicConfig
from labctl.kinds.vm.uses import DiskUse

if TYPE_CHECKING:
    from labctl.kinds.vm.spec import VmSpec
    from labctl.kinds.vm.uses import NicUse


def as_it_runs(defined: VmSpec, live: VmSpec, wanted: VmSpec | None) -> VmSpec:
    """Choose what to compare: how it is defined, and where that is as wanted, how it runs.

    So a change that someone made only to the running domain, or only to its definition, shows either way.
    """
    seen = replace(defined, ready=live.ready, unmarked=defined.unmarked or live.unmarked)
    for name in ("disks", "nics", "memory", "max_memory", "cpus"):
        if wanted is None or _same(getattr(defined, name), getattr(wanted, name)):
            seen = replace(seen, **{name: _as_it_runs(name, live, defined)})
    return seen


def _same(one: object, other: object) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return {repr(_bare(each)) for each in one} == {repr(_bare(each)) for each in other}
    return one == other


def _bare(item: DiskUse | NicUse) -> DiskUse | NicUse:
    """A device without what libvirt chose and without what is noted of it elsewhere."""
    if isinstance(item, DiskUse):
        return replace(item, target="", below=(), volume=())
    return replace(item, guest=NicConfig())


def _as_it_runs(name: str, live: VmSpec, defined: VmSpec) -> Any:
    """A field of the running domain, without what is no change of anybody's."""
    if name == "memory" and live.memory == live.max_memory:
        return defined.memory  # a balloon follows when the guest gets to it, or never
    if name == "nics":  # what a guest was told is noted in the definition
        told = {nic.name: nic.guest for nic in defined.nics}
        return tuple(replace(nic, guest=told.get(nic.name, NicConfig())) for nic in live.nics)
    return getattr(live, name)
