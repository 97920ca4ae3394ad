"""The disks that snapshots hold: they stay as long as a snapshot needs them, and nothing else is made on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.errors import FOREIGN, Problem
from labctl.core.plan import Action, steps_of
from labctl.core.spans import spans
from labctl.core.spec import of_kind
from labctl.kinds import addresses
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.snapshot.spec import SnapshotSpec
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labctl.core.address import Address
    from labctl.core.plan import Plan
    from labctl.core.spec import Spec
    from labctl.engine.observe import Observed


def by_snapshots(specs: Iterable[Spec], disks: Iterable[Spec]) -> dict[str, list[str]]:
    """The name of a disk → the snapshots that hold it.

    One that can't be read may need any disk, and so holds all of VMs among `disks`.
    """
    of_vms = {disk.name for disk in of_kind(disks, DiskSpec) if disk.owner is not None}
    found: dict[str, list[str]] = {}
    for snapshot in of_kind(specs, SnapshotSpec):
        for disk in sorted(of_vms if snapshot.problem else snapshot.disks):
            found.setdefault(disk, []).append(snapshot.name)
    return found


def with_held_disks(wanted: Mapping[Address, Spec], existing: Mapping[Address, Spec]) -> dict[Address, Spec]:
    """What is wanted, and the disks that a snapshot holds which stays: their VMs can go, the disks can't."""
    held = (addresses.disk(name) for name in by_snapshots(wanted.values(), existing.values()))
    return {address: existing[address] for address in held if address in existing} | dict(wanted)


def plugged_in(plan: Plan) -> set[str]:
    """The names of the disks whose volumes VMs get that did not have them, also not by overlays on them."""
    found = set[str]()
    for step in steps_of(plan.steps, VmSpec):
        had = {use.disk for use in step.before.disks} if step.before else set()
        found |= {use.disk for use in (step.after.disks if step.after else ()) if not use.volume} - had
    return found


def _taken_off(plan: Plan) -> set[str]:
    """The names of the disks that VMs have, and have no more after the plan, most of them with their VM."""
    found = set[str]()
    for step in steps_of(plan.steps, VmSpec):
        has = {use.disk for use in step.after.disks} if step.after else set()
        found |= {use.disk for use in (step.before.disks if step.before else ())} - has
    return found


def _after(plan: Plan, observed: Observed) -> dict[str, list[str]]:
    """The name of a disk → the snapshots that hold it, and that the plan does not delete."""
    gone = {step.address for step in plan.steps if step.action is Action.DELETE}
    stay = (spec for address, spec in observed.specs.items() if address not in gone)
    return by_snapshots(stay, observed.specs.values())


def obstacles(plan: Plan, observed: Observed) -> Iterator[Problem]:
    """Give an obstacle for each disk that a snapshot holds, and that is replaced or that a VM gets anew."""
    held = _after(plan, observed)
    if not held:
        return
    replaced = {step.address for step in plan.steps if step.action is Action.REPLACE}
    onto = plugged_in(plan)
    for disk in of_kind(observed.specs.values(), DiskSpec):
        if disk.name in held and (disk.address in replaced or disk.name in onto):
            names = held[disk.name]
            yield Problem(
                f"{_snapshots(names)} need{'s' * (len(names) == 1)} it as it is",
                str(disk.address),
                None,
                f"`labctl snapshot restore {names[0]}` brings it back, "
                f"`labctl snapshot delete {' '.join(names)}` gives the disk up",
                FOREIGN,
            )


def warnings(plan: Plan, observed: Observed) -> Iterator[Problem]:
    """Warn of each disk that a snapshot holds, and that is taken off its VM: a restore brings back only what is old."""
    held = _after(plan, observed)
    for name in sorted(_taken_off(plan) & held.keys()):
        yield Problem(
            f"it stays for {_snapshots(held[name])}, and what was written to it since is lost",
            str(addresses.disk(name)),
            None,
            "`labctl snapshot save` before this keeps that, too",
            "warning",
        )


def _snapshots(names: list[str]) -> str:
    return f"the snapshot{'s' * (len(names) > 1)} {spans(names)}"
