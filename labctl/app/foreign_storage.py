"""Checks what others did to the lab's disks: snapshots, overlays, unknown volumes, and domains that use a disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import libvirt

from labctl.app import held_disks
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
    """Notes on foreign storage, warnings if the plan deletes it, and obstacles to the plan."""
    steps = {step.address: step for step in plan.steps}
    folder = observed.folder
    yield from _check_snapshots(observed, steps)
    if folder:
        yield from _check_overlays(observed, steps, folder)
        yield from _check_unknown_volumes(session, observed, folder)
        yield from _check_taken_names(observed, steps.values())
        yield from _check_users(session, plan, observed, folder)
        yield from _check_growth(session, observed, steps, folder)
        yield from _check_ambiguous_disks(session, observed, plan, folder)


def _is_removed(steps: Mapping[Address, Step], address: Address) -> bool:
    return address in steps and steps[address].action.removes


def _check_snapshots(observed: Observed, steps: Mapping[Address, Step]) -> Iterator[Problem]:
    for vm in _existing(observed, VmSpec):
        names, address = ", ".join(f"{name} ({kind})" for name, kind in vm.snapshots), str(vm.address)
        if names and _is_removed(steps, vm.address):
            yield Problem(f"its snapshots are deleted with it: {names}", address, severity="warning")
        elif names:
            hint = f"`virsh snapshot-list {vm.libvirt_name}` tells more"
            yield Problem(f"it has snapshots that labctl did not make: {names}", address, None, hint, "note")


def _existing(observed: Observed, kind: type[S]) -> list[S]:
    """The existing objects of a kind, sorted by address."""
    return sorted(of_kind(observed.specs.values(), kind), key=lambda spec: spec.address)


def _check_overlays(observed: Observed, steps: Mapping[Address, Step], folder: str) -> Iterator[Problem]:
    """Overlays that someone's snapshot put on a disk, and what happens to them if the disk is deleted."""
    for spec in _existing(observed, DiskSpec):
        address = spec.address
        inside = {f"{folder}/{name}" for name in observed.stored.overlays.get(spec.name, ())}
        every = {path for path in (*inside, *spec.above) if not identity.is_layer(path)}
        if every and _is_removed(steps, address):
            gone = sorted(each for each in every if each.startswith(f"{folder}/"))
            left = sorted(every - set(gone))
            if gone:
                summary = f"overlays on it are deleted with it: {', '.join(gone)}"
                yield Problem(summary, str(address), severity="warning")
            if left:
                summary = f"overlays on it elsewhere stay, and are of no use without it: {', '.join(left)}"
                yield Problem(summary, str(address), severity="warning")
        elif spec.top and not identity.is_layer(spec.top):
            yield Problem(
                f"it continues in {spec.top}, which someone's snapshot put on it",
                str(address),
                severity="note",
            )


def _check_unknown_volumes(session: Session, observed: Observed, folder: str) -> Iterator[Problem]:
    if observed.stored.strangers:
        yield Problem(
            f"the lab's pool has volumes that labctl did not make, and that it leaves alone: "
            f"{', '.join(observed.stored.strangers)}",
            str(addresses.pool(session.lab.name)),
            None,
            f"the pool is in {folder}",
            "note",
        )


def _check_taken_names(observed: Observed, steps: Iterable[Step]) -> Iterator[Problem]:
    """New disks whose volume name is already taken by an overlay of another disk."""
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


def _check_users(session: Session, plan: Plan, observed: Observed, folder: str) -> Iterator[Problem]:
    """Disks that the plan deletes although a domain that the plan does not change uses them."""
    gone = [step for step in steps_of(plan.steps, DiskSpec) if step.action.removes]
    if not gone:
        return
    ours = {(vm.libvirt_name, vm.uuid) for vm in of_kind((step.before for step in plan.steps), VmSpec)}
    users = disk_users.of_files(session.hosts.of(addresses.pool(session.lab.name)).virt)
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
            hint = (
                f"detach it from that domain first, or run `virsh undefine {name}` if nobody needs the domain"
            )
            yield Problem(
                f"the domain {name}, which the plan does not change, {does}",
                str(step.address),
                None,
                hint,
                FOREIGN,
            )


def _check_growth(
    session: Session, observed: Observed, steps: Mapping[Address, Step], folder: str
) -> Iterator[Problem]:
    """Disks that are to grow, with an overlay that libvirt can't resize: no VM runs on it, and it is in no pool."""
    for step in steps_of(steps.values(), DiskSpec):
        if step.action is not Action.UPDATE or not step.existing.top:
            continue
        disk = step.existing
        runs = addresses.vm(disk.name.partition("/")[0]) in observed.live
        if (
            runs
            or disk.top.startswith(f"{folder}/")
            or _is_volume(session.hosts.of(disk.address).virt, disk.top)
        ):
            continue
        yield Problem(
            f"it continues in {disk.top}, which is in no storage pool, so it can only grow while its VM runs",
            str(step.address),
            None,
            "start its VM with the present size, then change the size",
            FOREIGN,
        )


def _is_volume(virt: libvirt.virConnect, path: str) -> bool:
    try:
        virt.storageVolLookupByPath(path)
    except libvirt.libvirtError:
        return False
    return True


def _check_ambiguous_disks(
    session: Session, observed: Observed, plan: Plan, folder: str
) -> Iterator[Problem]:
    """Disks with overlays that no VM has: nothing shows any more to which overlay a VM wrote."""
    made = {step.address for step in plan.steps if step.action.makes}
    kept = [
        disk
        for name in sorted(held_disks.plugged_in(plan))
        if (disk := find(observed.specs, addresses.disk(name), DiskSpec)) and disk.address not in made
    ]
    if not kept:
        return
    pool = identity.pool_name(session.lab.name)
    lab_pool = session.hosts.of(addresses.pool(session.lab.name)).pool(pool)
    pools.refresh(lab_pool)  # QEMU made the overlays, and libvirt sees them only after a refresh
    found = volumes.facts(lab_pool)
    held = held_disks.by_snapshots(observed.specs.values(), kept)
    for disk in kept:
        on_it = [each.name for each in found if each.backing == f"{folder}/{disk.volume}"]
        if on_it and disk.name not in held:
            yield Problem(
                f"{', '.join(on_it)} stands on it, and no VM shows any more which of them is the disk",
                str(disk.address),
                None,
                f"`virsh vol-delete --pool {pool} {on_it[0]}` if that is not needed, "
                "otherwise `virsh vol-download` saves it",
                FOREIGN,
            )
