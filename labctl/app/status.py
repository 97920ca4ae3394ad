"""The state of a lab: the VMs that the Labfile names, and the objects that labctl made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.app import elsewhere
from labctl.app.vm_names import choose
from labctl.core.address import natural_sort_key
from labctl.core.errors import LabctlError, Rejected, UsageError
from labctl.core.identity import object_uuid
from labctl.core.lifecycle import ACTIVE
from labctl.core.record import record
from labctl.core.spans import spans
from labctl.engine import overview
from labctl.host.libvirt.uptime import uptime
from labctl.kinds.forward.overview import ForwardOverview, overview_of
from labctl.kinds.vm.spec import VmSpec
from labctl.labfile.absolute_path import absolute_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from labctl.app.session import Session
    from labctl.engine.overview import Overview
    from labctl.kinds.network.overview import NetworkOverview
    from labctl.kinds.vm.overview import NicOverview, VmOverview

FORMAT = 1


@record
class Row:
    """A VM of the lab.

    `seen` is None if the VM does not exist. `expected` says whether the Labfile names it. `drift` lists the fields in
    which it differs from the Labfile; it is None if nobody asked for them.
    """

    name: str
    seen: VmOverview | None
    expected: bool
    drift: tuple[str, ...] | None = None

    @property
    def state(self) -> str:
        return self.seen.state if self.seen else "absent"

    @property
    def ready(self) -> bool | None:
        """Whether the VM became ready in this boot; None if labctl can't know.

        labctl can't know it of a VM that has neither a seed nor conditions, nor of one that has lost labctl's mark.
        """
        if self.seen and (self.seen.unmarked or not self.seen.awaited):
            return None
        return bool(self.seen and self.seen.ready)


@record
class Status:
    """The state of a lab; `notes` are sentences for the user."""

    lab: str
    rows: tuple[Row, ...]
    networks: tuple[NetworkOverview, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The shape of `schemas/status.schema.json`."""
        return {
            "format": FORMAT,
            "lab": self.lab,
            "vms": [_vm_json(row) for row in self.rows],
            "networks": [
                {
                    "name": each.name,
                    "active": each.active,
                    "mode": each.mode,
                    "subnets": list(each.subnets),
                    "host": list(each.host),
                    "problem": each.problem or None,
                }
                for each in self.networks
            ],
        }


def status(session: Session, vms: Iterable[str] = (), *, drift: bool = False) -> Status:
    """Look at the lab.

    Args:
        session: the global options.
        vms: only these; a name as written in the Labfile stands for all its instances.
        drift: also work out what differs from the Labfile, which costs a plan.

    Raises:
        UsageError: there is no such VM.
        Rejected: the Labfile is wrong or not there, and nothing was made from it.
    """
    try:
        lab = session.lab
    except (Rejected, UsageError) as error:
        return _without_labfile(session, vms, error)
    named = {vm.name: vm.base for vm in lab.vms}
    seen = overview.look(session.hosts, lab.name, ask=True, thorough=True)
    bases = named | {vm.name: vm.base or named.get(vm.name, vm.name) for vm in seen.vms}
    chosen = choose(vms, bases)
    existing = {vm.name: vm for vm in seen.vms}
    differing, notes = _drift(session) if drift else (None, [])
    rows = tuple(
        Row(name, existing.get(name), name in named, _of(name, differing))
        for name in sorted(chosen, key=natural_sort_key)
    )
    notes += _all_notes(lab.name, seen, rows)
    if not existing and (made_elsewhere := elsewhere.told(session)):
        notes.append(f"{made_elsewhere.summary}; {made_elsewhere.hint}")
    networks = tuple(sorted(seen.networks, key=lambda each: natural_sort_key(each.name)))
    return Status(lab.name, rows, networks, tuple(notes))


def _all_notes(lab: str, seen: Overview, rows: Collection[Row]) -> Iterator[str]:
    """What the user should know of the lab's VMs, images and networks."""
    yield from (note for row in rows if row.seen for note in _notes(row.name, row.seen))
    missing = [row.name for row in rows if row.seen is None]
    renamed = _renamed(missing, seen.strangers, lab)
    for name, domain in renamed.items():
        yield (
            f"{name}: its domain was renamed to {domain} and labctl's mark on it removed; "
            f"`virsh domrename {domain} {lab}.{name}` and `labctl up` restore it"
        )
    if absent := [name for name in missing if name not in renamed]:
        yield f"not there yet: {spans(absent)}; `labctl up` makes {'it' if len(absent) == 1 else 'them'}"
    shown = {row.name for row in rows}
    for image in seen.images:
        if shown & set(image.vms):
            stand = "stands" if len(image.vms) == 1 else "stand"
            yield f"image {image.label}, on which {spans(image.vms)} {stand}, {_IMAGES[image.state]}"
    gone = (row.name for row in rows if not row.expected)
    yield from (f"{name}: no longer in the Labfile; `labctl up` removes it" for name in gone)
    down = (network.name for network in seen.networks if not network.active)
    yield from (f"network {name} is down; `labctl up` starts it" for name in down)
    broken = (network for network in seen.networks if network.problem)
    yield from (f"network {each.name}: {each.problem}; `labctl up` mends it" for each in broken)


_IMAGES = {
    "missing": "is missing in the store; `labctl up` gets it again",
    "damaged": "is damaged in the store; `labctl up` gets it again",
    "changed": "was changed in the store; `labctl plan` tells whether it is damaged",
}


def _renamed(missing: Iterable[str], strangers: Mapping[str, str], lab: str) -> dict[str, str]:
    """The VMs whose domains were renamed and have lost labctl's mark, with the names of these domains."""
    if not strangers:
        return {}
    domains = {name: strangers.get(object_uuid(lab, VmSpec.kind, name)) for name in missing}
    return {name: domain for name, domain in domains.items() if domain}


def _without_labfile(session: Session, vms: Iterable[str], problem: LabctlError) -> Status:
    """The state of a lab whose Labfile can't be read any more; libvirt knows that file's path."""
    try:
        seen = overview.look(session.hosts)
    except LabctlError:
        raise problem from None  # the Labfile comes first
    path = absolute_path(session.source)
    mine = [vm for vm in seen.vms if vm.file == path]
    labs = {vm.lab for vm in mine} | {net.lab for net in seen.networks if net.file == path}
    if len(labs) != 1:
        raise problem
    chosen = set(choose(vms, {vm.name: vm.base for vm in mine}))
    rows = tuple(
        Row(vm.name, vm, expected=True) for vm in sorted(mine, key=lambda vm: natural_sort_key(vm.name))
    )
    networks = tuple(net for net in seen.networks if net.lab in labs)
    why = "is not there, so this is only what exists"
    if not session.absent:
        why = "has problems, so this is only what exists: see `labctl validate`"
    return Status(
        labs.pop(),
        tuple(row for row in rows if row.name in chosen),
        networks,
        (
            f"the Labfile {why}",
            *(note for row in rows if row.seen for note in _notes(row.name, row.seen)),
        ),
    )


def _notes(name: str, seen: VmOverview) -> Iterator[str]:
    """Notes on a VM that can't go on, and on disks and snapshots that labctl did not make."""
    if seen.problem:
        yield f"{name}: {seen.problem}" + ("; `labctl up` restores it" if seen.unmarked else "")
    for disk, path in seen.moved:
        yield f"{name}: its disk {disk} is in {path or 'no file'}, which labctl did not make"
    if seen.snapshots:
        yield f"{name}: it has snapshots that labctl did not make: {', '.join(seen.snapshots)}"


def _drift(session: Session) -> tuple[dict[str, list[str]] | None, list[str]]:
    """The fields of each VM that differ from the Labfile, and notes; None for the fields if no plan can be made."""
    from labctl.app import plan, pools_first
    from labctl.core.plan import Action

    try:
        if first := next(pools_first.plans(session, with_store=True), None):
            _, why = first
            return None, [f"what differs from the Labfile is not known: {why}; `labctl up` does that"]
        steps = plan.complete(session).plan.steps
    except LabctlError as error:
        return None, [f"what differs from the Labfile is not known: {error}"]
    fields: dict[str, list[str]] = {}
    for step in steps:
        part = step.address.name.partition("/")[2]
        vm = step.spec.owner or step.spec.holder or step.address
        if step.action is Action.CREATE or vm.kind != VmSpec.kind:
            continue
        prefix = f"{step.address.kind}s.{part}." if part else ""
        changed = [prefix + change.field for change in step.changes if change.field != "ready"]
        fields.setdefault(vm.name, []).extend(changed or [prefix + "removed"] * (step.after is None))
    return fields, []


def forwards(seen: VmOverview) -> list[ForwardOverview]:
    """The forwards to a VM, in the order of their ports."""
    return overview_of(seen.lab, seen.name, seen.records)


def _of(name: str, differing: Mapping[str, list[str]] | None) -> tuple[str, ...] | None:
    return None if differing is None else tuple(differing.get(name, ()))


def _addresses_json(nic: NicOverview) -> list[dict[str, str | None]]:
    """An entry for each address of a NIC; a NIC without addresses has one entry too."""
    ips: list[str | None] = [*map(str, nic.ips)] or [None]
    return [{"network": nic.network, "ip": ip, "mac": nic.mac, "link": nic.link} for ip in ips]


def _folder_json(target: str, kept: Mapping[str, str]) -> dict[str, str]:
    return {"target": target, **{key: kept.get(key, "") for key in ("source", "type", "why")}}


def _vm_json(row: Row) -> dict[str, Any]:
    seen = row.seen
    running = seen is not None and seen.state in ACTIVE
    return {
        "name": row.name,
        "state": row.state,
        "ready": row.ready,
        "addresses": [each for nic in (seen.nics if seen else ()) for each in _addresses_json(nic)],
        "cpus": seen.cpus if seen else None,
        "memory_bytes": seen.memory if seen else None,
        "disks": list(seen.disks) if seen else [],
        "moved": dict(seen.moved) if seen else {},
        "snapshots": list(seen.snapshots) if seen else [],
        "folders": [_folder_json(*each) for each in seen.folders.items()] if seen else [],
        "forwards": [each.to_json() for each in forwards(seen)] if seen else [],
        "uptime_s": uptime(seen.libvirt_name, seen.host) if seen and running else None,
        "drift": None if row.drift is None else list(row.drift),
        "problem": (seen.problem or None) if seen else None,
    }
