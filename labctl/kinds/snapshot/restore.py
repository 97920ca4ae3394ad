"""Brings a lab back to a snapshot. Its networks are as they were then, and its VMs are left paused."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.host.libvirt import copies, domains, pools, saved_memory, volumes
from labctl.host.libvirt.connection import translated
from labctl.kinds.snapshot import parts, restorable

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.host.libvirt.connection import Connection
    from labctl.kinds.snapshot.spec import SavedVm, SnapshotSpec


@record
class _Back:
    """A VM that comes back, and for each path of a frozen layer the new one above it."""

    vm: SavedVm
    onto: dict[str, str]


def restore(connection: Connection, pool: Any, snapshot: SnapshotSpec, tell: Teller) -> None:
    """Bring the VMs and their disks back. After an error, or a kill, the same again does it from the start.

    Raises:
        LabctlError: it can't be restored here; then no VM was touched.
    """
    virt = connection.virt
    for problem in restorable.obstacles(virt, pool, snapshot):  # the answer to the plan may have taken long
        raise LabctlError(problem.summary, hint=problem.hint, where=problem.path)
    back = _prepared(connection, pool, snapshot)
    connection.in_parallel(snapshot.vms, lambda vm: _power_off(virt, snapshot.lab, vm))
    _copy_back(connection, pool, snapshot)
    folder = pools.path(pool)
    for each in back:
        tell.progress(f"restoring {each.vm.name}")
        _define(virt, each)
    connection.in_parallel(back, lambda each: _bring_back(virt, folder, each))
    parts.sweep(virt, pool, snapshot.lab, [vm.name for vm in snapshot.vms])


def _prepared(connection: Connection, pool: Any, snapshot: SnapshotSpec) -> list[_Back]:
    """Make all new layers, while the VMs go on: if that fails, none is left of them."""
    virt = connection.virt
    try:
        return connection.in_parallel(snapshot.vms, lambda vm: _Back(vm, _new_layers(virt, pool, vm)))
    except BaseException:
        with suppress(LabctlError, libvirt.libvirtError):  # what failed first is the error
            parts.sweep(virt, pool, snapshot.lab, [vm.name for vm in snapshot.vms])
        raise


def _power_off(virt: Any, lab: str, vm: SavedVm) -> None:
    """Cut the VM's power, and discard its saved memory. It stays defined."""
    domain = domains.find(virt, lab, vm.name)
    if domain is None:
        return
    with translated(f"vm/{vm.name}"):
        domains.persist(domain)  # as it is now: `vm.definition` would start it on what is frozen
        if domain.isActive():
            domain.destroy()
        if domain.hasManagedSaveImage():
            domain.managedSaveRemove()


def _copy_back(connection: Connection, pool: Any, snapshot: SnapshotSpec) -> None:
    """Put the copies back. Variables of a UEFI that had none yet go: libvirt makes them as the VM starts."""
    copied = {each.volume for each in snapshot.copies}
    connection.in_parallel(snapshot.copies, lambda each: copies.note(pool, each.volume, pool, each.copy))
    for lacking in {identity.nvram_volume(vm.name) for vm in snapshot.vms} - copied:
        volumes.delete(pool, lacking)
    copies.make_all(connection, pool)


def _new_layers(virt: Any, pool: Any, vm: SavedVm) -> dict[str, str]:
    """Make a new layer on each frozen one, since nobody may write to those."""
    onto = {}
    for layer in vm.layers:
        capacity = volumes.read(virt.storageVolLookupByPath(layer.path).XMLDesc()).capacity
        name, below = identity.layer_name(layer.disk), (layer.path, layer.format)
        onto[layer.path] = volumes.create(pool, name, capacity=capacity, backing=below)
    return onto


def _define(virt: Any, back: _Back) -> None:
    with translated(f"vm/{back.vm.name}"):
        domain = virt.defineXML(saved_memory.put_onto(back.vm.definition, back.onto))
        if bool(domain.autostart()) != back.vm.autostart:
            domain.setAutostart(int(back.vm.autostart))


def _bring_back(virt: Any, folder: str, back: _Back) -> None:
    if not back.vm.memory:
        return
    path = f"{folder}/{back.vm.memory}"
    with translated(f"vm/{back.vm.name}"):
        ran = saved_memory.put_onto(saved_memory.domain_xml(virt, path), back.onto)
        # the metadata of a definition do not say that it is ready, as those of what ran may do
        saved_memory.restore(virt, path, saved_memory.with_metadata(ran, back.vm.definition))
