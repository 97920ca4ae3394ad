"""What only a look at the host shows, checked before the first change."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import libvirt

from labctl.app import space
from labctl.core import identity
from labctl.core.address import Address
from labctl.core.errors import LabctlError, Problem, Rejected
from labctl.core.plan import LOST, Action
from labctl.core.size import size
from labctl.core.spec import Effect
from labctl.engine.places import Occupied
from labctl.host import routes
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.pool.spec import PoolSpec
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.session import Session
    from labctl.core.plan import Plan, Step
    from labctl.engine.observe import Observed
    from labctl.engine.places import Allocation
    from labctl.engine.sources import Sources
    from labctl.host.connection import Connection

_UNDEFINE = {"domain": "undefine", "network": "net-undefine"}
FOREIGN = "foreign"  # the severity of what is no mistake of the Labfile: exit 1 and not 2


def occupied(connection: Connection, observed: Observed) -> list[Occupied]:
    """The subnets that are taken on the libvirt host, and by whom. Routes are known of this host only."""
    taken = [
        Occupied(ip_network(subnet, strict=False), f"libvirt network {each.name}")
        for each in observed.foreign
        for subnet in each.subnets
    ]
    bridges = {spec.bridge for spec in observed.specs.values() if isinstance(spec, NetworkSpec)}
    bridges |= {each.bridge for each in observed.foreign}
    if connection.local:
        taken += [
            Occupied(subnet, f"route of {dev}") for subnet, dev in routes.routes() if dev not in bridges
        ]
    return taken


def check(
    session: Session, plan: Plan, observed: Observed, allocation: Allocation, sources: Sources
) -> tuple[list[Problem], list[Problem]]:
    """Give errors and warnings."""
    errors = [*_foreign(session, plan, observed), *_refusals(session, plan)]
    errors += _macs(session, plan, observed, allocation)
    errors += _bridges(session, plan, observed)
    errors += _memory(session, plan)
    warnings = [*_acceleration(session, plan), *_too_little(session, plan, sources)]
    for problem in space.check(session, plan):
        (errors if problem.severity == "error" else warnings).append(problem)
    return errors, warnings


def refuse(errors: list[Problem]) -> None:
    """Raise what was found.

    Raises:
        Rejected: the Labfile asks for something that this host can't give.
        LabctlError: all is foreign: objects of others, VMs that are protected.
    """
    if not errors:
        return
    if all(error.severity == FOREIGN for error in errors):
        raise Refused(errors)
    raise Rejected(errors)


class Refused(Rejected):
    """The Labfile is fine, but what exists stands against it."""

    exit_code = LabctlError.exit_code


def _foreign(session: Session, plan: Plan, observed: Observed) -> Iterator[Problem]:
    lab = session.lab
    names = {
        (kind, identity.libvirt_name(lab.name, step.address.name)): step.address
        for step in plan.steps
        for kind in ({"vm": "domain", "network": "network"}.get(step.address.kind, ""),)
        if step.action is Action.CREATE
    }
    for each in observed.foreign:
        if address := names.get((each.kind, each.name)):
            yield Problem(
                f"a {each.kind} of that name, {each.name}, exists and was not made by labctl",
                f"{address.kind}s.{address.name}",
                lab.where(f"{address.kind}s", address.name),
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


def _pool(session: Session, plan: Plan, observed: Observed) -> Iterator[Problem]:
    """A pool has no metadata; one that is not in a folder of its name is someone else's, with all that is in it."""
    name = identity.pool_name(session.lab.name)
    pool = observed.specs.get(Address("pool", session.lab.name))
    stores = any(step.address.kind in ("pool", "disk", "seed") for step in plan.steps)
    if stores and isinstance(pool, PoolSpec) and PurePosixPath(pool.path).name != name:
        yield Problem(
            f"a storage pool of that name, {name}, is in {pool.path} and was not made by labctl",
            "name",
            session.lab.where("name"),
            f"give the lab another name, or `virsh pool-undefine {name}`, which keeps what is in it",
            FOREIGN,
        )


def _bridges(session: Session, plan: Plan, observed: Observed) -> Iterator[Problem]:
    """New bridges whose names are taken."""
    owners = {
        each.bridge: f"that of the libvirt network {each.name}" for each in observed.foreign if each.bridge
    }
    own = {spec.bridge for spec in observed.specs.values() if isinstance(spec, NetworkSpec)}
    for step in plan.steps:
        spec = step.after
        if not isinstance(spec, NetworkSpec) or step.action not in (Action.CREATE, Action.REPLACE):
            continue
        if spec.mode == "bridge" or not spec.bridge:
            continue  # it attaches to one that is there
        owner = owners.get(spec.bridge, "")
        if not owner and spec.bridge not in own and session.connection.local and routes.link(spec.bridge):
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
    for address, why in plan.refusals:
        vm, _, disk = address.name.partition("/")
        where = (
            session.lab.where("vms", vm, "disk") if address.kind == "disk" else session.lab.where("vms", vm)
        )
        yield Problem(
            why, str(address), where, f"keep its size, or remove {disk or vm} first and make it anew"
        )
    for step in plan.steps:
        if step.destructive and isinstance(step.before, VmSpec) and step.before.protect and not _lost(step):
            yield Problem(
                f"it is protected, and this would {step.action} it",
                str(step.address),
                session.lab.where("vms", step.address.name, "protect"),
                "set `protect: false` and run `labctl up` first",
                FOREIGN,
            )


def _lost(step: Step) -> bool:
    """Whether it is replaced because what it was is gone already: nothing is left to protect."""
    costs = [change for change in step.changes if change.effect is Effect.REPLACE]
    return bool(costs) and all(change.before == LOST for change in costs)


def _macs(session: Session, plan: Plan, observed: Observed, allocation: Allocation) -> Iterator[Problem]:
    owners = {mac: each for each in observed.foreign for mac in each.macs}
    changed = {step.address.name for step in plan.steps if step.address.kind == "vm" and step.after}
    for (vm, nic), spot in allocation.nics.items():
        if vm in changed and (owner := owners.get(spot.mac)):
            yield Problem(
                f"the MAC {spot.mac} is that of the domain {owner.name}",
                f"vms.{vm}.networks.{nic}",
                session.lab.where("vms", vm, "networks"),
                "set another `mac`",
            )


def _too_little(session: Session, plan: Plan, sources: Sources) -> Iterator[Problem]:
    """New VMs with less memory than the catalogue says that their image needs."""
    vms = {vm.name: vm for vm in session.lab.vms}
    images = {spec.label: spec for spec in sources.images.values()}
    for step in plan.steps:
        name, _, part = step.address.name.partition("/")
        made = part == "root" and step.action in (Action.CREATE, Action.REPLACE)
        image = images.get(step.after.image) if made and isinstance(step.after, DiskSpec) else None
        if image and vms[name].memory < image.memory:
            yield Problem(
                f"{image.label} needs {size(image.memory)} of memory to start well",
                f"vms.{vms[name].base}.memory",
                session.lab.where("vms", name, "memory"),
                severity="warning",
            )


def _memory(session: Session, plan: Plan) -> Iterator[Problem]:
    starting = [
        step.after
        for step in plan.steps
        if isinstance(step.after, VmSpec)
        and step.after.state == "running"
        and not (isinstance(step.before, VmSpec) and step.before.state in ("running", "paused"))
    ]
    free = _available(session.connection)
    wanted = sum(vm.memory for vm in starting)
    if free is None or wanted <= free:
        return
    largest = max(starting, key=lambda vm: vm.memory)
    yield Problem(
        f"{len(starting)} VMs to start need {size(wanted)} of memory, and the host has {size(free)} available"
        if len(starting) > 1
        else f"it needs {size(wanted)} of memory, and the host has {size(free)} available",
        f"vms.{largest.base}.memory",
        session.lab.where("vms", largest.name, "memory"),
        "lower `memory`, start fewer VMs, or halt another lab",
    )


def _available(connection: Connection) -> int | None:
    """The memory that VMs can have, in bytes; None where the driver has no real memory (`test:///`)."""
    try:
        stats = connection.virt.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)
    except libvirt.libvirtError:
        return None
    return sum(int(stats.get(name, 0)) for name in ("free", "buffers", "cached")) << 10


def _acceleration(session: Session, plan: Plan) -> Iterator[Problem]:
    able = session.connection.capabilities
    vms = {vm.name: vm for vm in session.lab.vms}
    for step in plan.steps:
        vm = vms.get(step.address.name) if step.address.kind == "vm" else None
        if vm and vm.accel == "kvm" and not able.kvm and "qemu" in able.types:
            yield Problem(
                "this host has no usable KVM, so the VM can't start",
                f"vms.{vm.base}.accel",
                session.lab.where("vms", vm.name, "accel"),
                "set `accel: auto`; `labctl doctor` tells why",
                "warning",
            )
    boots = any(
        isinstance(step.after, VmSpec) and "start" in step.after.verbs(None, None) for step in plan.steps
    )
    if boots and not able.kvm and "qemu" in able.types:
        yield Problem(
            "no usable KVM here: VMs are emulated, and every time limit is 4 times as long",
            hint="`labctl doctor` tells why",
            severity="note",
        )
