"""Takes a snapshot of a lab whose VMs are paused together for it."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.core.lifecycle import State
from labctl.core.record import replace
from labctl.host.libvirt import pools, volumes
from labctl.kinds.snapshot import description, machines, parts
from labctl.kinds.snapshot.freeze import freeze, paused, paused_note, read, thaw
from labctl.kinds.snapshot.versions import versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.core.events import Teller
    from labctl.host.libvirt.connection import Connection
    from labctl.kinds.snapshot.freeze import VmToSave
    from labctl.kinds.snapshot.spec import Copy, SavedNetwork, SnapshotSpec


def save(connection: Connection, pool: Any, spec: SnapshotSpec, tell: Teller) -> None:
    """Take the snapshot. After an error all VMs run as before, and no part of the snapshot is left.

    Raises:
        LabctlError: a VM can't be saved, or is gone; then none was paused.
    """
    virt = connection.virt
    vms = [
        read(virt, spec.lab, vm, identity.snapshot_volume(spec.name, f"memory.{vm.name}")) for vm in spec.vms
    ]
    parts.sweep(virt, pool, spec.lab, [vm.name for vm in spec.vms])
    try:
        spec = replace(spec, vms=tuple(each.saved for each in vms), copies=_copies(pool, spec))
        made = _taken(connection, pool, spec, vms, tell)
        content = description.write(made)
        volumes.upload(virt, pool, made.pool_volume, content, length=len(content), mode=0o600)
    except BaseException:
        _undo(connection, pool, spec, vms, tell)
        raise
    running = sum(vm.state is State.RUNNING for vm in made.vms)
    if running:
        tell.note(paused_note(running, made.paused_s))


def _undo(
    connection: Connection, pool: Any, spec: SnapshotSpec, vms: Sequence[VmToSave], tell: Teller
) -> None:
    """Let the disks be what they were, as far as that goes: what failed first is the error, and the next run sweeps."""
    failed = (LabctlError, libvirt.libvirtError)
    with suppress(*failed):
        if parts.read(connection.virt, pool, spec.lab, spec.name):
            return  # all was written, though libvirt did not tell so: nobody may write to what is frozen
        pools.refresh(pool)
        for each in vms:
            with suppress(*failed):
                frozen = {layer.path for layer in each.saved.layers}
                thaw(pool, each, tell.to_the_end(), onto=frozen)
        parts.sweep(connection.virt, pool, spec.lab, [each.saved.name for each in vms])


def _copies(pool: Any, spec: SnapshotSpec) -> tuple[Copy, ...]:
    """What is to be copied. A VM that never started has no variables of UEFI: libvirt makes them at the first start."""
    lacking = {identity.nvram_volume(vm.name) for vm in spec.vms} - volumes.names(pool)
    return tuple(each for each in spec.copies if each.volume not in lacking)


def _taken(
    connection: Connection, pool: Any, spec: SnapshotSpec, vms: Sequence[VmToSave], tell: Teller
) -> SnapshotSpec:
    folder = pools.path(pool)
    seeds = [each for each in spec.copies if each.volume.endswith(f".{identity.SEED}")]
    _copy(connection, pool, seeds)  # nobody writes to them, so this needs no pause
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    began = time.monotonic()
    with paused(connection, [each for each in vms if each.saved.state is State.RUNNING], tell):
        connection.in_parallel(vms, lambda each: freeze(each, spec.name, folder=folder, memory_folder=folder))
        _copy(connection, pool, [each for each in spec.copies if each not in seeds])
    paused_s = round(time.monotonic() - began, 3)
    pools.refresh(pool)  # libvirt notices only so what QEMU made
    virt = connection.virt
    networks = tuple(_network(virt, spec, each) for each in spec.saved_networks)
    return replace(
        spec,
        taken=taken,
        paused_s=paused_s,
        saved_networks=networks,
        made_by=versions(virt),
        host_cpu=machines.cpu_of_host(virt.getCapabilities()),
    )


def _copy(connection: Connection, pool: Any, copies: Sequence[Copy]) -> None:
    connection.in_parallel(copies, lambda each: volumes.copy(connection.virt, pool, each.volume, each.copy))


def _network(virt: Any, spec: SnapshotSpec, network: SavedNetwork) -> SavedNetwork:
    found = virt.networkLookupByName(identity.libvirt_name(spec.lab, network.name))
    return replace(network, definition=found.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE))
