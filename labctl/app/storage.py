"""What others did to the lab's disks: snapshots, overlays, strangers' files, domains that have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import libvirt

from labctl.core import identity
from labctl.core.errors import FOREIGN, Problem
from labctl.core.plan import Action, steps_of
from labctl.core.spec import Spec, find, of_kind
from labctl.host.libvirt import disk_users, pools, volumes
from labctl.kinds import addresses
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labctl.app.session import Session
    from labctl.core.address import Address
    from labctl.core.plan import Plan, Step
    from labctl.engine.observe import Observed

S = TypeVar("S", bound=Spec)


def check(session: Session, plan: Plan, observed: Observed) -> Iterator[Problem]:
    """Notes on what is there, warnings of what goes with it, and what stands against the plan."""
    steps = {step.address: step for step in plan.steps}
    folder = observed.folder
    yield from _snapshots(observed, steps)
    if folder:
        yield from _overlays(observed, steps, folder)
        yield from _strangers(session, observed, folder)
        yield from _taken(observed, steps.values())
        yield from _used(session, plan, observed, folder)
        yield from _growing(session, observed, steps, folder)
        yield from _undecided(session, observed, steps, folder)


def _goes(steps: Mapping[Address, Step], address: Address) -> bool:
    return address in steps and steps[address].action.removes


def _snapshots(observed: Observed, steps: Mapping[Address, Step]) -> Iterator[Problem]:
    for vm in _sorted(observed, VmSpec):
        names, who = ", ".join(f"{name} ({kind})" for name, kind in vm.snapshots), str(vm.address)
        if names and _goes(steps, vm.address):
            yield Problem(f"its snapshots go with it: {names}", who, severity="warning")
        elif names:
            hint = f"`virsh snapshot-list {vm.libvirt_name}` tells more"
            yield Problem(f"it has snapshots that labctl did not make: {names}", who, None, hint, "note")


def _sorted(observed: Observed, kind: type[S]) -> list[S]:
    """What exists of a kind, by address."""
    return sorted(of_kind(observed.specs.values(), kind), key=lambda spec: spec.address)


def _overlays(observed: Observed, steps: Mapping[Address, Step], folder: str) -> Iterator[Problem]:
    """Where disks go on after a snapshot, and what becomes of that where the disk goes."""
    for spec in _sorted(observed, DiskSpec):
        address = spec.address
        inside = {f"{folder}/{name}" for name in observed.stored.overlays.get(spec.name, ())}
        every = {*inside, *spec.above}
        if every and _goes(steps, address):
            gone = sorted(each for each in every if each.startswith(f"{folder}/"))
            left = sorted(every - set(gone))
            if gone:
                told = f"what stands on it goes with it: {', '.join(gone)}"
                yield Problem(told, str(address), severity="warning")
            if left:
                told = f"what stands on it elsewhere stays, and is of no use without it: {', '.join(left)}"
                yield Problem(told, str(address), severity="warning")
        elif spec.top:
            yield Problem(
                f"it goes on in {spec.top}, which someone's snapshot put on it", str(address), severity="note"
            )


def _strangers(session: Session, observed: Observed, folder: str) -> Iterator[Problem]:
    if observed.stored.strangers:
        yield Problem(
            f"labctl did not make what is there beside the lab's own, and leaves it: "
            f"{', '.join(observed.stored.strangers)}",
            str(addresses.pool(session.lab.name)),
            None,
            f"it is in {folder}",
            "note",
        )


def _taken(observed: Observed, steps: Iterable[Step]) -> Iterator[Problem]:
    """New disks whose volume is there already, as what the guest of another one writes to."""
    disks = {name: disk for disk, names in observed.stored.overlays.items() for name in names}
    for step in steps:
        volume = step.spec.pool_volume
        if step.action.makes and volume in disks:
            yield Problem(
                f"{volume}, the name of its volume, is taken by an overlay that someone's snapshot put on "
                f"{disks[volume]}",
                str(step.address),
                None,
                "give it another name, or commit the overlay into what it stands on (`virsh blockcommit`)",
                FOREIGN,
            )


def _used(session: Session, plan: Plan, observed: Observed, folder: str) -> Iterator[Problem]:
    """Disks that the plan deletes although a domain that it does not change has them."""
    gone = [step for step in steps_of(plan.steps, DiskSpec) if step.action.removes]
    if not gone:
        return
    ours = {(vm.libvirt_name, vm.uuid) for vm in of_kind((step.before for step in plan.steps), VmSpec)}
    users = disk_users.of_files(session.host.virt)
    for step in gone:
        disk = step.existing
        overlays = observed.stored.overlays.get(disk.name, ())
        paths = [f"{folder}/{name}" for name in (disk.volume, *overlays)]
        others = {
            use.domain: use
            for path in paths
            for use in users.get(path, ())
            if (use.domain, use.uuid) not in ours
        }
        for name, use in sorted(others.items()):
            does = "runs on it" if use.running else "has it as a disk"
            hint = f"take it off there first, or `virsh undefine {name}` where nobody needs that domain"
            yield Problem(
                f"the domain {name}, which this does not change, {does}",
                str(step.address),
                None,
                hint,
                FOREIGN,
            )


def _growing(
    session: Session, observed: Observed, steps: Mapping[Address, Step], folder: str
) -> Iterator[Problem]:
    """Overlays of disks that libvirt can't grow: no VM runs on them, and they are in none of its pools."""
    for step in steps_of(steps.values(), DiskSpec):
        if step.action is not Action.UPDATE or not step.existing.top:
            continue
        disk = step.existing
        runs = addresses.vm(disk.name.partition("/")[0]) in observed.live
        if runs or disk.top.startswith(f"{folder}/") or _is_volume(session.host.virt, disk.top):
            continue
        yield Problem(
            f"it goes on in {disk.top}, which is in no storage pool, so that it can only grow while its VM runs",
            str(step.address),
            None,
            "let its VM run with the size that it has, then change the size",
            FOREIGN,
        )


def _is_volume(virt: libvirt.virConnect, path: str) -> bool:
    try:
        virt.storageVolLookupByPath(path)
    except libvirt.libvirtError:
        return False
    return True


def _undecided(
    session: Session, observed: Observed, steps: Mapping[Address, Step], folder: str
) -> Iterator[Problem]:
    """Disks with overlays, of VMs that someone undefined: nothing tells any more which overlay the VM wrote to."""
    new = of_kind((step.after for step in steps.values() if step.action is Action.CREATE), VmSpec)
    kept = [
        disk
        for vm in new
        for use in vm.disks
        if (disk := find(observed.specs, addresses.disk(use.disk), DiskSpec))
        and not (disk.address in steps and steps[disk.address].action.makes)
    ]
    if not kept:
        return
    pool = identity.pool_name(session.lab.name)
    there = session.host.pool(pool)
    pools.refresh(there)  # an overlay is QEMU's work, which libvirt sees only then
    found = volumes.facts(there)
    for disk in kept:
        on_it = [each.name for each in found if each.backing == f"{folder}/{disk.volume}"]
        if on_it:
            yield Problem(
                f"{', '.join(on_it)} stands on it, and no VM tells any more which of them is the disk",
                str(disk.address),
                None,
                f"`virsh vol-delete --pool {pool} {on_it[0]}` where that is not needed, "
                "else `virsh vol-download` saves it",
                FOREIGN,
            )
