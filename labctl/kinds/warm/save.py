"""Saves a lab to the store while its VMs run: its memory, and copies of its disks (docs/adr/0048)."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.core.lifecycle import State
from labctl.core.record import record, replace
from labctl.core.size import format_sizes
from labctl.host.libvirt import pools, volumes
from labctl.kinds.snapshot import room
from labctl.kinds.snapshot.freeze import freeze, paused, paused_note, read, thaw
from labctl.kinds.snapshot.spec import SavedVm
from labctl.kinds.warm import description, states
from labctl.kinds.warm.spec import DESCRIPTION, WarmDisk, WarmSpec, WarmVm

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from labctl.core.events import Teller
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.kinds.snapshot.freeze import VmToSave


@record
class _Place:
    """Where a lab is saved from, and where to: the virStoragePools of the lab and of the store."""

    host: Host
    pool: Any
    store: Any

    def copy(self, targets: Mapping[str, str]) -> None:
        """Copy volumes of the lab to the store; `targets` gives the name that each has there."""
        virt = self.host.virt
        self.host.connection.in_parallel(
            targets.items(), lambda each: volumes.copy(virt, self.pool, *each, to=self.store)
        )


def save(host: Host, keys: Keys, spec: WarmSpec, tell: Teller) -> None:
    """Save the lab. After an error its VMs run as before, and no part of the warm state is left.

    Raises:
        LabctlError: a VM can't be saved, or there is no room; then none was paused.
    """
    place = _Place(host, host.pool(identity.pool_name(spec.lab)), host.pool(identity.STORE))
    states.sweep(place.store, spec)
    _thaw(place, _vms(host, spec), tell)
    vms = _vms(host, spec)
    _check_room(place, spec, vms)
    try:
        made = _taken(place, keys, spec, vms, tell)
        content = description.write(made)
        volumes.upload(
            host.virt, place.store, made.volume(DESCRIPTION), content, length=len(content), mode=0o600
        )
    except BaseException:
        with suppress(LabctlError, libvirt.libvirtError):  # what failed first is the error
            states.sweep(place.store, spec)
        raise
    tell.note(f"the lab was saved; {paused_note(len(made.vms), made.paused_s)}")


def _vms(host: Host, spec: WarmSpec) -> list[VmToSave]:
    wanted = (SavedVm(vm.name, State.RUNNING) for vm in spec.vms)
    return [read(host.virt, spec.lab, vm, spec.memory_volume(vm.name)) for vm in wanted]


def _taken(place: _Place, keys: Keys, spec: WarmSpec, vms: Sequence[VmToSave], tell: Teller) -> WarmSpec:
    variables = _variables(place, vms)
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        paused_s = _frozen(place, spec, vms, variables, tell)
        tell.progress("copying its disks")
        place.copy({volume: spec.disk_volume(disk) for volume, disk in _own_disks(vms).items()})
    finally:
        _thaw(place, vms, tell.to_the_end())
    pools.refresh(place.store)  # what copies stand on is read some milliseconds after they were made
    stored = {each.name: each.allocation for each in volumes.facts(place.store)}
    names = (*_own_disks(vms).values(), *(each.name for each in spec.disks))
    made = replace(
        spec,
        taken=taken,
        paused_s=paused_s,
        vms=tuple(_described(spec, vm, keys, stored, variables) for vm in vms),
        disks=tuple(WarmDisk(each, spec.disk_volume(each)) for each in names),
    )
    stamps = states.stamps(place.store, made)
    if lacking := [volume for volume, stamp in stamps if not stamp]:
        raise LabctlError(f"{', '.join(lacking)} went from {pools.path(place.store)} meanwhile")
    return replace(made, stamps=stamps)


def _own_disks(vms: Sequence[VmToSave]) -> dict[str, str]:
    """The volume of each disk of a VM as it was frozen → the disk."""
    layers = (layer for vm in vms for layer in vm.saved.layers)
    return {each.path.rpartition("/")[2]: each.disk for each in layers}


def _frozen(
    place: _Place, spec: WarmSpec, vms: Sequence[VmToSave], variables: Collection[str], tell: Teller
) -> float:
    """Save memory and volumes of the lab at one moment; gives the seconds for which the VMs were paused."""
    connection, began = place.host.connection, time.monotonic()
    folder, memory_folder = pools.path(place.pool), pools.path(place.store)
    for vm in vms:  # libvirt does not notice the file that QEMU writes: so it knows of it, whatever happens
        volumes.create(place.store, vm.saved.memory, capacity=0, format="raw")
    with paused(connection, vms, tell):
        connection.in_parallel(
            vms, lambda vm: freeze(vm, spec.key, folder=folder, memory_folder=memory_folder)
        )
        shared = {identity.volume_name(each.name): spec.disk_volume(each.name) for each in spec.disks}
        place.copy(shared | {volume: spec.volume(volume) for volume in variables})
    return round(time.monotonic() - began, 3)


def _variables(place: _Place, vms: Sequence[VmToSave]) -> list[str]:
    """The volumes with the variables of UEFIs."""
    pools.refresh(place.pool)  # libvirt made them when the VMs started
    return sorted({identity.nvram_volume(vm.saved.name) for vm in vms} & volumes.names(place.pool))


def _described(
    spec: WarmSpec, vm: VmToSave, keys: Keys, stored: dict[str, int], variables: Collection[str]
) -> WarmVm:
    """A VM of the warm state.

    `stored` has the bytes of the volumes in the store, `variables` the lab's volumes with the variables of UEFIs.
    """
    name, memory = vm.saved.name, vm.saved.memory
    own = identity.nvram_volume(name)
    private, public = keys.host(name)
    return WarmVm(
        name,
        memory,
        stored.get(memory, 0),
        spec.volume(own) if own in variables else "",
        vm.saved.definition,
        private,
        public,
    )


def _thaw(place: _Place, vms: Sequence[VmToSave], tell: Teller) -> None:
    """Let each disk be one file again, which it was: a lab that has just been made has no snapshots.

    Layers that are there before the save are of a try that lost libvirt.
    """
    pools.refresh(place.pool)  # libvirt notices only so what QEMU made
    folder = pools.path(place.pool)
    disks = {f"{folder}/{identity.volume_name(layer.disk)}" for vm in vms for layer in vm.saved.layers}
    place.host.connection.in_parallel(vms, lambda vm: thaw(place.pool, vm, tell, onto=disks))


def _check_room(place: _Place, spec: WarmSpec, vms: Sequence[VmToSave]) -> None:
    """Refuse to save what the store has no room for.

    Raises:
        LabctlError: it has none.
    """
    copied = {*_own_disks(vms), *(identity.volume_name(each.name) for each in spec.disks)}
    takes = sum(each.allocation for each in volumes.facts(place.pool, copied))
    takes += room.memory(place.host.connection, [vm.domain for vm in vms])
    pools.refresh(place.store)
    free = room.free(place.store)
    if takes > free:
        more, left = format_sizes(takes, free)
        raise LabctlError(
            f"it takes {more}, and {left} are free in {pools.path(place.store)}",
            hint="`labctl image prune` frees some",
        )
