"""Takes a snapshot of a lab whose VMs are paused together for it."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.core.lifecycle import ACTIVE, State
from labctl.core.record import record, replace
from labctl.host.libvirt import domains, pools, volumes
from labctl.host.libvirt.connection import translated
from labctl.host.libvirt.domain_state import state_of
from labctl.kinds.snapshot import description, layers, machines, parts
from labctl.kinds.snapshot.versions import versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labctl.core.events import Teller
    from labctl.host.libvirt.connection import Connection
    from labctl.kinds.snapshot.spec import SavedNetwork, SavedVm, SnapshotSpec

_SAVABLE = (State.RUNNING, State.PAUSED, State.OFF)


@record
class _Vm:
    """A VM with its virDomain."""

    domain: Any
    saved: SavedVm


def save(connection: Connection, pool: Any, spec: SnapshotSpec, tell: Teller) -> None:
    """Take the snapshot. After an error all VMs run as before, and no part of the snapshot is left.

    Raises:
        LabctlError: a VM can't be saved, or is gone; then none was paused.
    """
    virt = connection.virt
    vms = [_read(virt, spec, vm) for vm in spec.vms]
    parts.sweep(virt, pool, spec.lab, [vm.name for vm in spec.vms])
    try:
        made = _taken(connection, pool, replace(spec, vms=tuple(each.saved for each in vms)), vms, tell)
        content = description.write(made)
        volumes.upload(virt, pool, made.pool_volume, content, length=len(content), mode=0o600)
    except BaseException:
        with suppress(
            LabctlError, libvirt.libvirtError
        ):  # what failed first is the error; the next run sweeps too
            parts.sweep(virt, pool, spec.lab, ())  # without its description it is no snapshot
        raise
    running = sum(vm.state is State.RUNNING for vm in made.vms)
    if running:
        tell.note(f"{running} VM{'s were' if running > 1 else ' was'} paused for {made.paused_s:.1f} s")


def _read(virt: Any, spec: SnapshotSpec, vm: SavedVm) -> _Vm:
    """What a snapshot keeps of a VM.

    Raises:
        LabctlError: it can't be saved.
    """
    domain = domains.find(virt, spec.lab, vm.name)
    if domain is None:
        raise LabctlError(
            "someone removed it meanwhile",
            where=f"vm/{vm.name}",
            hint="the same command again saves the lab without it, `labctl up` makes it anew",
        )
    state, text = state_of(domain), domain.XMLDesc(domains.WHOLE)
    if vm.state is State.RUNNING and state is State.PAUSED:
        state = State.RUNNING  # an earlier call paused it, and lost the connection to libvirt
    if state not in _SAVABLE or (state is State.OFF) != (vm.state is State.OFF):
        raise LabctlError(
            f"it was {vm.state} when the snapshot was planned, and is {state} now",
            where=f"vm/{vm.name}",
            hint="the same command again looks at it anew",
        )
    root = ET.fromstring(domain.XMLDesc() if state in ACTIVE else text)
    if strange := layers.strange_disks(root):
        raise LabctlError(
            f"labctl did not make its disk {', '.join(strange)}, so that it can't be saved with it",
            where=f"vm/{vm.name}",
            hint=f"`virsh detach-disk {domain.name()} {strange[0]}` takes it off",
        )
    memory = identity.snapshot_volume(spec.name, f"memory.{vm.name}") if state in ACTIVE else ""
    below = {layer.disk: layer.below for layer in vm.layers}
    found = layers.of_domain(root, vm.name)
    written = tuple(replace(layer, below=below.get(layer.disk, ())) for layer in found)
    autostart = bool(domain.autostart())
    return _Vm(
        domain, replace(vm, state=state, autostart=autostart, definition=text, layers=written, memory=memory)
    )


def _taken(
    connection: Connection, pool: Any, spec: SnapshotSpec, vms: Sequence[_Vm], tell: Teller
) -> SnapshotSpec:
    folder = pools.path(pool)
    seeds = [each for each in spec.copies if each.volume.endswith(f".{identity.SEED}")]
    for each in seeds:  # nobody writes to them, so this needs no pause
        volumes.copy(connection.virt, pool, each.volume, each.copy)
    taken = datetime.now(UTC).isoformat(timespec="seconds")
    began = time.monotonic()
    with _paused(connection, [each for each in vms if each.saved.state is State.RUNNING], tell):
        connection.in_parallel(vms, lambda each: _snapshot_vm(each, folder, spec.name))
        for each in spec.copies:
            if each not in seeds:
                volumes.copy(connection.virt, pool, each.volume, each.copy)
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


@contextmanager
def _paused(connection: Connection, running: Sequence[_Vm], tell: Teller) -> Iterator[None]:
    """Pause these VMs, all together, while the block runs."""
    try:
        connection.in_parallel(running, lambda vm: vm.domain.suspend())
        yield
    except BaseException:
        try:
            connection.in_parallel(running, _resume)
        except LabctlError as error:  # no more than a warning, which does not hide what failed first
            tell.warn(str(error), error.hint)
        raise
    connection.in_parallel(running, _resume)


def _resume(vm: _Vm) -> None:
    try:
        if state_of(vm.domain) is State.PAUSED:
            vm.domain.resume()
    except libvirt.libvirtError as error:
        raise LabctlError(
            f"it can't go on: {error.get_error_message() or error}",
            where=f"vm/{vm.saved.name}",
            hint="`labctl resume` lets it go on",
        ) from error


def _snapshot_vm(vm: _Vm, folder: str, name: str) -> None:
    """Save a VM's memory, if it has any, and let its disks go on in new layers, in one step of QEMU."""
    onto = {layer.path: f"{folder}/{identity.layer_name(layer.disk)}" for layer in vm.saved.layers}
    memory = f"{folder}/{vm.saved.memory}" if vm.saved.memory else ""
    if not onto and not memory:
        return
    flags = (
        libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
    )  # libvirt is not to know of it: the description does
    if not memory:
        flags |= libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
    with translated(f"vm/{vm.saved.name}"):
        root = ET.fromstring(vm.domain.XMLDesc(0 if memory else libvirt.VIR_DOMAIN_XML_INACTIVE))
        vm.domain.snapshotCreateXML(layers.request(root, name, onto, memory), flags)


def _network(virt: Any, spec: SnapshotSpec, network: SavedNetwork) -> SavedNetwork:
    found = virt.networkLookupByName(identity.libvirt_name(spec.lab, network.name))
    return replace(network, definition=found.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE))
