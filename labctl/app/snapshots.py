"""Snapshots of the whole lab: taking, listing, restoring and deleting them (docs/adr/0045).

They are of all VMs, so that the use cases are given no names of VMs.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from labctl.app import change, desired_state, going_on, memory, merged_layers, stopped_pools
from labctl.app.unsavable import unsavable
from labctl.core import identity
from labctl.core.errors import FOREIGN, LabctlError, Problem, Refused, UsageError
from labctl.core.lifecycle import State
from labctl.core.record import replace
from labctl.core.spans import spans
from labctl.core.spec import of_kind
from labctl.engine.observe import observe
from labctl.host.libvirt.connection import translated
from labctl.kinds import addresses
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.network.observe import read as read_network
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.pool.spec import PoolSpec
from labctl.kinds.seed.spec import SeedSpec
from labctl.kinds.snapshot.overview import Shown, SnapshotList
from labctl.kinds.snapshot.spec import Copy, Layer, SavedNetwork, SavedVm, SnapshotSpec
from labctl.kinds.vm.spec import VmSpec
from labctl.labfile.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from labctl.app.change import Confirm
    from labctl.app.prepare import Prepared
    from labctl.app.session import Session
    from labctl.core.address import Address
    from labctl.core.events import Finished, Sink
    from labctl.core.spec import Spec

Specs = dict["Address", "Spec"]
_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
MOST_CHARS = 500  # of a message


def save(session: Session, sink: Sink, confirm: Confirm, *, name: str, message: str) -> Finished:
    """Take a snapshot; without a name it gets the next free one of s1, s2, …

    Raises:
        UsageError: the name is taken or no name, or there is nothing to save.
        Refused: a VM can't be saved; nothing was paused.
    """
    if name and not _NAME.fullmatch(name):
        hint = "a lower-case letter, then up to 30 letters, digits and dashes"
        raise UsageError(f"{name} is no name for a snapshot", hint=hint)
    if len(message) > MOST_CHARS:
        hint = f"shorten it by {len(message) - MOST_CHARS}"
        raise UsageError(f"the message is longer than {MOST_CHARS} characters", hint=hint)

    def desired(_wanted: Specs, existing: Specs) -> Specs:
        made = _to_take(session.lab.name, name, message, existing)
        return existing | {made.address: made}

    return change.apply(session, "snapshot save", desired, sink, confirm)


def _to_take(lab: str, name: str, message: str, existing: Specs) -> SnapshotSpec:
    """The snapshot that is to be taken of what exists."""
    snapshots, vms = list(of_kind(existing.values(), SnapshotSpec)), list(of_kind(existing.values(), VmSpec))
    taken = {each.name for each in snapshots}
    if name in taken:
        hint = f"choose another name, or `labctl snapshot delete {name}` first"
        raise UsageError(f"there is a snapshot {name} already", hint=hint)
    if not vms:
        raise UsageError("the lab has no VM to save", hint="`labctl up` makes it")
    folder = next((pool.path for pool in of_kind(existing.values(), PoolSpec)), "")
    if problems := [problem for vm in vms for problem in unsavable(vm, folder)]:
        raise Refused(problems)
    name = name or next(free for n in range(1, len(taken) + 2) if (free := f"s{n}") not in taken)
    seeds = [seed.volume for seed in of_kind(existing.values(), SeedSpec)]
    volumes = [disk.volume for disk in of_kind(existing.values(), DiskSpec) if disk.owner is None]
    variables = [identity.nvram_volume(vm.name) for vm in vms if vm.firmware == "uefi"]
    networks = of_kind(existing.values(), NetworkSpec)
    return SnapshotSpec(
        lab,
        name,
        message=message,
        ancestors=tuple(stands_on(existing.values())),
        vms=tuple(SavedVm(vm.name, vm.state, layers=tuple(_layers(vm))) for vm in vms),
        saved_networks=tuple(SavedNetwork(each.name, each.active, each.autostart) for each in networks),
        copies=tuple(
            Copy(each, identity.snapshot_volume(name, f"copy.{each}"))
            for each in (*seeds, *volumes, *variables)
        ),
    )


def _layers(vm: VmSpec) -> Iterator[Layer]:
    """Where its disks are now, as far as a plan knows; volumes of the lab and seeds have no layers."""
    for use in vm.disks:
        if not use.readonly and use.disk.startswith(f"{vm.name}/"):
            yield Layer(use.disk, use.source, use.format, use.below)


def stands_on(specs: Iterable[Spec]) -> list[str]:
    """The names of the snapshots that the lab stands on, the nearest first: its disks go on above their layers."""
    specs = list(specs)
    below = {path for vm in of_kind(specs, VmSpec) for use in vm.disks for path in use.below}
    found = [
        each
        for each in of_kind(specs, SnapshotSpec)
        if each.layers and all(layer.path in below for layer in each.layers)
    ]
    return [
        each.name for each in sorted(found, key=lambda each: (len(each.ancestors), each.taken), reverse=True)
    ]


def listed(session: Session) -> SnapshotList:
    """Look at the lab's snapshots.

    Raises:
        LabctlError: the lab's pool is stopped, which is not for a look to start; or libvirt does not answer.
    """
    specs = session.hosts.answering(partial(_existing, session)).values()
    snapshots = sorted(of_kind(specs, SnapshotSpec), key=_moment)
    return SnapshotList(session.lab.name, tuple(snapshots), tuple(stands_on(specs)))


def _existing(session: Session) -> Mapping[Address, Spec]:
    if stopped_pools.starting(session, with_store=False):
        raise LabctlError(
            "its pool is stopped, so that its snapshots are not known",
            where=session.lab.name,
            hint="`labctl up` starts it, and asks before that",
        )
    with translated(session.hosts.uri):
        return observe(session.hosts, session.lab.name, session.kinds).specs


def shown(found: SnapshotList, name: str) -> Shown:
    """One of the snapshots that were found.

    Raises:
        UsageError: there is none of this name.
    """
    return Shown(found, find_snapshot(found.snapshots, name))


def find_snapshot(snapshots: Iterable[SnapshotSpec], name: str) -> SnapshotSpec:
    """The snapshot of this name.

    Raises:
        UsageError: there is none.
    """
    known = {each.name: each for each in snapshots}
    if name not in known:
        hint = did_you_mean(name, sorted(known)) or f"there {_are(known)}"
        raise UsageError(f"no snapshot is called {name}", hint=hint)
    return known[name]


def readable(snapshot: SnapshotSpec) -> SnapshotSpec:
    """The same snapshot.

    Raises:
        Refused: this labctl can't read it.
    """
    if snapshot.problem:
        hint = (
            "the labctl that took it restores it; "
            f"`labctl snapshot delete {snapshot.name}` deletes it if nobody needs it"
        )
        raise Refused([Problem(snapshot.problem, str(snapshot.address), None, hint, FOREIGN)])
    return snapshot


def _are(names: Iterable[str]) -> str:
    known = sorted(names)
    return f"{'is' if len(known) == 1 else 'are'} {spans(known) or 'none: `labctl snapshot save` takes one'}"


def restore(session: Session, sink: Sink, confirm: Confirm, *, name: str) -> Finished:
    """Bring the lab back to a snapshot. Its VMs then go on, those that were paused or off excepted.

    Raises:
        UsageError: there is no such snapshot.
        Refused: it can't be read, or can't be restored here; nothing was changed.
    """
    running: set[str] = set()

    def desired(_wanted: Specs, existing: Specs) -> Specs:
        snapshot = readable(find_snapshot(of_kind(existing.values(), SnapshotSpec), name))
        running.update(vm.name for vm in snapshot.vms if vm.state is State.RUNNING)
        return _as_it_was(snapshot, existing)

    def go_on(wanted: Specs, existing: Specs) -> Specs:
        return desired_state.resume(running)(wanted, existing) if running else existing

    def follow(_first: Prepared, _seconds: float) -> Prepared:
        return going_on.look(session, go_on)

    return change.apply(session, "snapshot restore", desired, sink, confirm, follow=follow)


def _as_it_was(snapshot: SnapshotSpec, existing: Specs) -> Specs:
    """What exists, but with the networks of the snapshot, and without VMs and networks that came since."""
    had = {addresses.vm(vm.name) for vm in snapshot.vms}
    newer = {vm.address for vm in of_kind(existing.values(), VmSpec)} - had
    kept = {
        address: spec
        for address, spec in existing.items()
        if not newer & {address, spec.owner, spec.inside, spec.holder} and address.kind != NetworkSpec.kind
    }
    networks = {
        spec.address: spec for each in snapshot.saved_networks if (spec := _network(snapshot.lab, each))
    }
    growth = memory.growth(snapshot, of_kind(existing.values(), VmSpec))
    return kept | networks | {snapshot.address: replace(snapshot, restored=True, growth=growth)}


def _network(lab: str, saved: SavedNetwork) -> NetworkSpec | None:
    spec, _ = read_network(lab, saved.definition)
    return spec and replace(spec, active=saved.active, autostart=saved.autostart)


def delete(session: Session, sink: Sink, confirm: Confirm, *, names: Iterable[str]) -> Finished:
    """Delete snapshots; the VMs go on where they are.

    Raises:
        UsageError: there is no such snapshot.
    """

    def desired(_wanted: Specs, existing: Specs) -> Specs:
        snapshots = list(of_kind(existing.values(), SnapshotSpec))
        return _without([find_snapshot(snapshots, name) for name in names], existing)

    return change.apply(session, "snapshot delete", desired, sink, confirm)


def prune(session: Session, sink: Sink, confirm: Confirm, *, keep: int) -> Finished:
    """Delete all snapshots but the newest `keep`, and but those that can't be read, whose age is not known.

    Raises:
        UsageError: `keep` is less than 0.
    """
    if keep < 0:
        raise UsageError(f"{keep} snapshots can't stay", hint="keep 0 or more")

    def desired(_wanted: Specs, existing: Specs) -> Specs:
        known = (each for each in of_kind(existing.values(), SnapshotSpec) if not each.problem)
        return _without(sorted(known, key=_moment, reverse=True)[keep:], existing)

    return change.apply(session, "snapshot prune", desired, sink, confirm)


def _without(snapshots: Iterable[SnapshotSpec], existing: Specs) -> Specs:
    """What exists but these snapshots, with the layers merged that nothing else needs."""
    gone = {each.address for each in snapshots}
    return merged_layers.merged({address: spec for address, spec in existing.items() if address not in gone})


def _moment(snapshot: SnapshotSpec) -> tuple[str, int]:
    """What orders snapshots by their age: within one second, one comes after those that it stands on."""
    return snapshot.taken, len(snapshot.ancestors)
