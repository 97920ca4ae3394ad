"""Checks of a plan against its hosts, before the first change."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from labctl.app import foreign_storage, free_space, held_disks, memory, protected
from labctl.core import identity
from labctl.core.errors import FOREIGN, Problem, Refused, Rejected
from labctl.core.plan import Action
from labctl.core.record import record, replace
from labctl.core.spans import spans
from labctl.core.spec import of_kind
from labctl.engine import provision
from labctl.engine.allocation import Occupied
from labctl.host.machine import routes
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labctl.app.session import Session
    from labctl.core.plan import Plan, Step
    from labctl.engine.allocation import Allocation
    from labctl.engine.observe import Observed
    from labctl.engine.sources import Sources
    from labctl.host.host import Host
    from labctl.host.hosts import Hosts

_UNDEFINE = {"domain": "undefine", "network": "net-undefine"}


def occupied(hosts: Hosts, observed: Observed) -> list[Occupied]:
    """The subnets that are taken on the libvirt hosts, and by what. Only of this machine are the routes known."""
    taken = [
        Occupied(ip_network(subnet, strict=False), f"libvirt network {each.name}")
        for each in observed.foreign
        for subnet in each.subnets
    ]
    bridges = {network.bridge for network in of_kind(observed.specs.values(), NetworkSpec)}
    bridges |= {each.bridge for each in observed.foreign}
    if any(host.local for host in hosts):
        taken += [
            Occupied(subnet, f"route of {dev}" if dev else "route of this host that leads nowhere")
            for subnet, dev in routes.routes()
            if dev not in bridges
        ]
    return taken


@record
class Findings:
    """Problems of a plan.

    With `errors` there is no plan. With `obstacles` there is one, which can't be run as long as they exist. `warnings`
    stop nothing.
    """

    errors: tuple[Problem, ...] = ()
    obstacles: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def check(
    session: Session, plan: Plan, observed: Observed, allocation: Allocation, sources: Sources
) -> Findings:
    """Find the problems that a plan has on its hosts."""
    errors = [*_foreign(session, plan, observed), *_refusals(session, plan)]
    errors += _macs(session, plan, observed, allocation)
    errors += _bridges(session, plan, observed)
    obstacles = [
        *protected.obstacles(session, plan, observed),
        *_without_kvm(session, plan),
        *memory.shortage(session, plan),
    ]
    obstacles += held_disks.obstacles(plan, observed)
    warnings = [*_emulation(session, plan), *memory.below_needs(session, plan, sources)]
    warnings += held_disks.warnings(plan, observed)
    if plan:
        from labctl.app import (
            forwards,
            hardware,
            network_modes,
            restorable,
            rsync_in_guests,
            traffic,
        )  # most runs have nothing to do

        errors += network_modes.check(session, plan)
        errors += hardware.check(session, plan, observed)
        if provision.playbooks(session.lab):
            from labctl.app import playbooks

            obstacles += playbooks.obstacles(session, plan)
        obstacles += restorable.obstacles(session, plan)
        obstacles += rsync_in_guests.lacking(session, plan, observed)
        warnings += traffic.check(session, plan, allocation)
        for problem in forwards.check(session, plan):
            (errors if problem.severity == "error" else obstacles).append(problem)
    for problem in (*foreign_storage.check(session, plan, observed), *free_space.check(session, plan)):
        (warnings if problem.severity in ("warning", "note") else obstacles).append(problem)
    return Findings(*map(once, (errors, obstacles, warnings)))


def once(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Merge problems that differ only in their object; the merged one names all the objects."""
    paths: dict[Problem, list[str]] = {}
    for problem in problems:
        paths.setdefault(replace(problem, path=""), []).append(problem.path)
    return tuple(replace(problem, path=spans(set(those))) for problem, those in paths.items())


def refuse(errors: tuple[Problem, ...] | list[Problem]) -> None:
    """Raise an error with these problems, if there are any.

    Raises:
        Rejected: the Labfile asks for something that this host can't give.
        Refused: nothing is wrong with the Labfile.
    """
    if not errors:
        return
    if all(error.severity == FOREIGN for error in errors):
        raise Refused(errors)
    raise Rejected(errors)


def _foreign(session: Session, plan: Plan, observed: Observed) -> Iterator[Problem]:
    lab, hosts = session.lab, session.hosts
    names = {
        (
            hosts.of(step.address).uri,
            step.spec.libvirt_object,
            identity.libvirt_name(lab.name, step.address.name),
        ): step.spec
        for step in plan.steps
        if step.action is Action.CREATE or (step.before and step.before.renamed)
    }
    yield from _unknown(session, plan, observed)
    for each in observed.foreign:
        if spec := names.get((each.host, each.kind, each.name)):
            yield Problem(
                f"a {each.kind} of that name, {each.name}, exists and was not made by labctl",
                ".".join(spec.stated),
                lab.where(*spec.stated),
                f"rename one of them, or remove it with `virsh {_UNDEFINE[each.kind]} {each.name}`",
                FOREIGN,
            )
    yield from _pool(session, plan, observed)
    others = sorted(observed.files - {str(lab.path)})
    if others and not session.adopt:
        yield Problem(
            f"a lab called {lab.name} exists, made from {others[0]}",
            "name",
            lab.where("name"),
            "give this one another name, or take it over with --adopt",
            FOREIGN,
        )


def _unknown(session: Session, plan: Plan, observed: Observed) -> Iterator[Problem]:
    """Give a problem for each object that only its UUID shows to be the lab's.

    Someone renamed it and removed labctl's mark.
    """
    strangers = {(each.host, each.uuid): each for each in observed.foreign}
    for step in plan.steps:
        kind, name, path = step.address.kind, step.address.name, step.spec.stated
        if step.action is not Action.CREATE or not step.spec.libvirt_object or not strangers:
            continue
        uuid = identity.object_uuid(session.lab.name, kind, name)
        if each := strangers.get((session.hosts.of(step.address).uri, uuid)):
            rename = f"rename it back with `virsh domrename {each.name} {session.lab.name}.{name}`, or "
            yield Problem(
                f"the {each.kind} {each.name} has its UUID, and labctl's mark on it was removed",
                ".".join(path),
                session.lab.where(*path),
                f"{rename if each.kind == 'domain' else ''}remove it with `virsh {_UNDEFINE[each.kind]} {each.name}`",
                FOREIGN,
            )


def _pool(session: Session, plan: Plan, observed: Observed) -> Iterator[Problem]:
    """Give a problem for a pool of the lab's name that is someone else's.

    A pool has no metadata. It is the lab's if its folder has the pool's name.
    """
    name = identity.pool_name(session.lab.name)
    folder = observed.folder
    stores = any(step.spec.holds_others or step.spec.pool_volume for step in plan.steps)
    if stores and folder and PurePosixPath(folder).name != name:
        yield Problem(
            f"a storage pool of that name, {name}, is in {folder} and was not made by labctl",
            "name",
            session.lab.where("name"),
            f"give the lab another name, or `virsh pool-undefine {name}`, which keeps what is in it",
            FOREIGN,
        )


def _bridges(session: Session, plan: Plan, observed: Observed) -> Iterator[Problem]:
    """Give a problem for each new bridge whose name is taken."""
    owners = {
        (each.host, each.bridge): f"that of the libvirt network {each.name}"
        for each in observed.foreign
        if each.bridge
    }
    own = {network.bridge for network in of_kind(observed.specs.values(), NetworkSpec)}
    for spec in of_kind((step.after for step in plan.steps if step.action.makes), NetworkSpec):
        if spec.mode == "bridge" or not spec.bridge:
            continue  # it attaches to one that is there
        host = session.hosts.of(spec.address)
        owner = owners.get((host.uri, spec.bridge), "")
        if not owner and spec.bridge not in own and host.local and routes.link(spec.bridge):
            owner = "that of an interface of this host"
        if owner:
            yield Problem(
                f"its bridge would be called {spec.bridge}, and this name is {owner}",
                f"networks.{spec.name}.bridge",
                session.lab.where("networks", spec.name, "bridge"),
                "set another `bridge`",
                FOREIGN,
            )


def _refusals(session: Session, plan: Plan) -> Iterator[Problem]:
    specs = {step.address: step.spec for step in plan.steps}
    for address, problem in plan.refusals:
        yield replace(problem, where=session.lab.where(*specs[address].stated))


def _macs(session: Session, plan: Plan, observed: Observed, allocation: Allocation) -> Iterator[Problem]:
    owners = {mac: each for each in observed.foreign for mac in each.macs}
    changed = {vm.name for vm in of_kind((step.after for step in plan.steps), VmSpec)}
    for (vm, nic), nic_addresses in allocation.nics.items():
        owner = owners.get(nic_addresses.mac) if vm in changed else None
        if owner and owner.uuid != identity.object_uuid(
            session.lab.name, VmSpec.kind, vm
        ):  # else see `_unknown`
            yield Problem(
                f"the MAC {nic_addresses.mac} is that of the domain {owner.name}",
                f"vms.{vm}.networks.{nic}",
                session.lab.where("vms", vm, "networks"),
                "set another `mac`",
            )


def _without_kvm(session: Session, plan: Plan) -> Iterator[Problem]:
    """Give a problem for VMs with `accel: kvm` on a host without KVM."""
    vms = {vm.name: vm for vm in session.lab.vms if vm.accel == "kvm"}
    stuck: dict[str, list[str]] = {}
    for vm in of_kind((step.after for step in plan.steps if _defines_or_starts(step)), VmSpec):
        if vm.name in vms and _emulates(session.hosts.of(vm.address)):
            stuck.setdefault(vms[vm.name].base, []).append(vm.name)
    for base, names in stuck.items():
        yield Problem(
            f"this host has no usable KVM, so {spans(names)} can't start",
            f"vms.{base}.accel",
            session.lab.where("vms", base, "accel"),
            "set `accel: auto`; `labctl doctor` tells why",
            FOREIGN,
        )


def _emulates(host: Host) -> bool:
    """Whether the host has QEMU but no KVM."""
    able = host.capabilities
    return not able.kvm and "qemu" in able.types


def _defines_or_starts(step: Step) -> bool:
    return step.action.makes or (step.after is not None and step.after.boots)


def _emulation(session: Session, plan: Plan) -> Iterator[Problem]:
    """Give a note if VMs start without KVM."""
    vms = of_kind((step.after for step in plan.steps), VmSpec)
    booting = (vm for vm in vms if vm.accel != "kvm" and vm.boots)
    if any(_emulates(session.hosts.of(vm.address)) for vm in booting):
        yield Problem(
            "no usable KVM here: VMs are emulated, and every time limit is 4 times as long",
            hint="`labctl doctor` tells why",
            severity="note",
        )
