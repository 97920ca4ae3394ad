"""Freezes the disks of VMs that are paused together for it, and saves their memory: the heart of a save."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import takewhile
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import identity, xmltree
from labctl.core.errors import LabctlError
from labctl.core.lifecycle import ACTIVE, State
from labctl.core.record import record, replace
from labctl.host.libvirt import block_commit, domains, volumes
from labctl.host.libvirt.connection import translated
from labctl.host.libvirt.domain_state import state_of
from labctl.kinds.snapshot import layers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from labctl.core.events import Teller
    from labctl.host.libvirt.connection import Connection
    from labctl.kinds.snapshot.spec import SavedVm

_SAVABLE = (State.RUNNING, State.PAUSED, State.OFF)


@record
class VmToSave:
    """A VM with its virDomain."""

    domain: Any
    saved: SavedVm


def read(virt: Any, lab: str, vm: SavedVm, memory: str) -> VmToSave:
    """What is kept of a VM; `memory` is the volume for its memory, if it has any.

    Raises:
        LabctlError: it can't be saved.
    """
    domain = domains.find(virt, lab, vm.name)
    if domain is None:
        raise LabctlError(
            "someone removed it meanwhile",
            where=f"vm/{vm.name}",
            hint="the same command again saves the lab without it, `labctl up` makes it anew",
        )
    state, text = _state(domain, vm), domain.XMLDesc(domains.WHOLE)
    root = ET.fromstring(domain.XMLDesc() if state in ACTIVE else text)
    if strange := layers.strange_disks(root):
        raise LabctlError(
            f"labctl did not make its disk {', '.join(strange)}, so that it can't be saved with it",
            where=f"vm/{vm.name}",
            hint=f"`virsh detach-disk {domain.name()} {strange[0]}` takes it off",
        )
    below = {layer.disk: layer.below for layer in vm.layers}
    found = layers.of_domain(root, vm.name)
    written = tuple(replace(layer, below=below.get(layer.disk, ())) for layer in found)
    kept = replace(
        vm,
        state=state,
        autostart=bool(domain.autostart()),
        definition=text,
        layers=written,
        memory=memory if state in ACTIVE else "",
    )
    return VmToSave(domain, kept)


def _state(domain: Any, vm: SavedVm) -> State:
    """The state in which a VM is saved: that of the plan.

    Raises:
        LabctlError: it is in another state by now, or in one that can't be saved.
    """
    state = state_of(domain)
    if vm.state is State.RUNNING and state is State.PAUSED:
        return State.RUNNING  # an earlier call paused it, and lost the connection to libvirt
    if state not in _SAVABLE or (state is State.OFF) != (vm.state is State.OFF):
        raise LabctlError(
            f"it was {vm.state} when the snapshot was planned, and is {state} now",
            where=f"vm/{vm.name}",
            hint="the same command again looks at it anew",
        )
    return state


@contextmanager
def paused(connection: Connection, running: Sequence[VmToSave], tell: Teller) -> Iterator[None]:
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


def paused_note(vms: int, seconds: float) -> str:
    """What is told of the pause of some VMs."""
    return f"{vms} VM{'s were' if vms > 1 else ' was'} paused for {seconds:.1f} s"


def _resume(vm: VmToSave) -> None:
    try:
        if state_of(vm.domain) is State.PAUSED:
            vm.domain.resume()
    except libvirt.libvirtError as error:
        raise LabctlError(
            f"it can't go on: {error.get_error_message() or error}",
            where=f"vm/{vm.saved.name}",
            hint="`labctl resume` lets it go on",
        ) from error


def freeze(vm: VmToSave, name: str, *, folder: str, memory_folder: str) -> None:
    """Save a VM's memory, if it has any, and let its disks go on in new layers, in one step of QEMU.

    Args:
        vm: the VM, which is paused or off.
        name: that of the snapshot that libvirt takes, and forgets at once.
        folder: where the layers are made, that of the lab's pool.
        memory_folder: where the volume of its memory is made.
    """
    onto = {layer.path: f"{folder}/{identity.layer_name(layer.disk)}" for layer in vm.saved.layers}
    memory = f"{memory_folder}/{vm.saved.memory}" if vm.saved.memory else ""
    if not onto and not memory:
        return
    flags = (
        libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
    )  # libvirt is not to know of it: the description does
    if not memory:
        flags |= libvirt.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY
    with translated(f"vm/{vm.saved.name}"):
        block_commit.call_off(vm.domain)
        root = ET.fromstring(vm.domain.XMLDesc(0 if memory else libvirt.VIR_DOMAIN_XML_INACTIVE))
        vm.domain.snapshotCreateXML(layers.request(root, name, onto, memory), flags)


def thaw(pool: Any, vm: VmToSave, tell: Teller, *, onto: Collection[str]) -> None:
    """Merge the layers in which the disks of a VM went on, so that each disk is again the file that it was.

    `pool` is that of the lab, which knows the layers since its last refresh. `onto` has the paths of those files.

    Raises:
        LabctlError: QEMU can't merge them; the VM goes on in its layers.
    """
    with translated(f"vm/{vm.saved.name}"):
        if vm.saved.state is State.OFF and not vm.domain.isActive():
            vm.domain.connect().defineXML(vm.saved.definition)  # nobody has written to its layers
        for disk in ET.fromstring(vm.domain.XMLDesc()).iterfind("devices/disk"):
            files = xmltree.layers(disk)
            above = [*takewhile(lambda file: identity.is_layer(file) and file not in onto, files)]
            if above and len(above) < len(files) and (base := files[len(above)]) in onto:
                target = xmltree.attribute(disk, "target", "dev")
                block_commit.run(vm.domain, target, base=base, top=above[0], tell=tell)
                for each in above:
                    volumes.delete(pool, each.rpartition("/")[2])
