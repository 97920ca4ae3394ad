"""What was done in guests that go on from a warm state, by what their VMs had noted when they were saved. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labctl.core.record import replace
from labctl.core.spec import find, of_kind
from labctl.engine import provision
from labctl.kinds import addresses
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.folder import spec as folder
from labctl.kinds.folder.spec import FolderSpec
from labctl.kinds.provision.spec import ProvisionSpec
from labctl.kinds.vm.spec import VmSpec
from labctl.kinds.warm.spec import WarmSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.core.address import Address
    from labctl.core.spec import Spec

    Specs = Mapping[Address, Spec]
    Vms = Mapping[Address, VmSpec]


def look(wanted: Specs, observed: Specs, begins: WarmSpec | None) -> dict[Address, VmSpec]:
    """The VMs that are to be made and go on from a warm state, as they were saved.

    Those are all of the state with which the lab `begins`. A run may also have made disks of a state, and ended before
    it made their VMs.
    """
    states = [begins] if begins else [*of_kind(observed.values(), WarmSpec)]
    if not states:
        return {}
    from labctl.kinds.vm import xml  # few labs are warm

    every = ((state, vm) for state in states for vm in state.vms)
    chosen = (vm for state, vm in every if begins or _stands_on(state, vm.name, wanted, observed))
    read = filter(None, (xml.read(ET.fromstring(vm.definition)) for vm in chosen))
    return {vm.address: _without_fetches(vm, wanted) for vm in read}


def _stands_on(state: WarmSpec, vm: str, wanted: Specs, observed: Specs) -> bool:
    """Whether a VM does not exist, and will get the root disk that exists and goes on from the state."""
    root = addresses.disk(f"{vm}/root")
    had, kept = find(observed, root, DiskSpec), find(wanted, root, DiskSpec)
    if had is None or kept is None or addresses.vm(vm) in observed:
        return False
    return had.base == kept.base and had.saved in {each.volume for each in state.disks}


def _without_fetches(vm: VmSpec, wanted: Specs) -> VmSpec:
    """What was fetched is no part of the state: another clone of the Labfile's folder lacks it."""
    fetches = provision.fetches(wanted.values(), vm.name)
    steps = vm.records.get(ProvisionSpec.kind, {})
    left = {key: record for key, record in steps.items() if key not in fetches}
    return replace(vm, records={**vm.records, ProvisionSpec.kind: left})


def done(wanted: Specs, existing: Specs, vms: Vms) -> dict[Address, Spec]:
    """The steps that are done and the folders that are copied, where the `vms` count beside what exists."""
    if not vms:
        return {}
    folders = (each for vm in vms.values() for each in folder.every(vm.lab, vm.name, vm.records))
    copied = {each.address: each for each in folders if each.address in wanted}
    return copied | provision.done(wanted.values(), {**existing, **vms})


def completed(wanted: Specs, observed: Specs, vms: Vms) -> dict[Address, Spec]:
    """The wanted specs, where disks of the `vms` that a run did not come to begin with the state of their root disks.

    Made blank, they would lack what steps left there that count as done.
    """
    specs = dict(wanted)
    for vm in vms:
        root, made = find(observed, addresses.disk(f"{vm.name}/root"), DiskSpec), find(wanted, vm, VmSpec)
        saved = _saved_with(root, observed) if root else {}
        for use in made.disks if made and saved else ():
            disk = find(wanted, addresses.disk(use.disk), DiskSpec)
            if disk and disk.address not in observed:
                specs[disk.address] = replace(disk, saved=saved.get(disk.name, ""))
    return specs


def _saved_with(root: DiskSpec, observed: Specs) -> dict[str, str]:
    """The volumes of the state that a root disk stands on, by the names of their disks; empty if it stands on none."""
    every = (
        {each.name: each.volume for each in state.disks} for state in of_kind(observed.values(), WarmSpec)
    )
    return next((volumes for volumes in every if root.saved in volumes.values()), {})


def noted(wanted: Specs, vms: Vms) -> dict[Address, Spec]:
    """The wanted specs, where the definitions of the `vms` will say what was done in them."""
    specs = dict(wanted)
    for vm in of_kind(wanted.values(), VmSpec):
        if vm.address in vms:
            had = vms[vm.address].records
            kinds = (FolderSpec.kind, ProvisionSpec.kind)
            specs[vm.address] = replace(vm, records={kind: had.get(kind, {}) for kind in kinds})
    return specs
