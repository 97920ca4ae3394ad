"""What playbooks need: the way to their VMs, which is given to their steps, and Ansible on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app.inventory import addresses_of, groups_of
from labctl.app.reach import reach
from labctl.core.errors import FOREIGN, Problem
from labctl.core.lifecycle import State
from labctl.core.record import replace
from labctl.core.spec import of_kind
from labctl.engine.overview import Overview
from labctl.host.access.inventory import Guest
from labctl.host.machine import command
from labctl.kinds.network.overview import of_spec as network_of
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.provision.access import PROGRAM, Access
from labctl.kinds.provision.spec import ProvisionSpec
from labctl.kinds.provision.work import Ansible
from labctl.kinds.vm.overview import of_spec as vm_of
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labctl.app.session import Session
    from labctl.core.address import Address
    from labctl.core.plan import Plan
    from labctl.core.spec import Spec


def with_access(session: Session, wanted: dict[Address, Spec]) -> dict[Address, Spec]:
    """The wanted specs, in which steps with a playbook know how Ansible gets to the VMs once these run."""
    steps = [each for each in of_kind(wanted.values(), ProvisionSpec) if isinstance(each.work, Ansible)]
    if not steps:
        return wanted
    access = _access(session, wanted)
    return wanted | {each.address: replace(each, access=access) for each in steps}


def obstacles(session: Session, plan: Plan) -> Iterator[Problem]:
    """What stands against the playbooks that would run: nothing was changed yet."""
    due = [each for each in of_kind((step.after for step in plan.steps), ProvisionSpec) if each.access]
    for step in due:
        assert isinstance(step.access, Access)
        reached = {login.vm for login in step.access.logins}
        for target in step.targets:
            if target.vm not in reached:
                yield Problem(
                    f"Ansible gets to VMs by SSH, and no network of the host leads to {target.vm}",
                    str(step.address),
                    session.lab.where(*step.stated),
                    "give the VM a network that the host is on, or a step with `shell`, which needs none",
                    FOREIGN,
                )
    if due and command.path(PROGRAM) is None:
        from labctl.host.machine.doctor.check import distribution

        hint = f"`{distribution().install(PROGRAM)}`"
        yield Problem(
            f"there is no {PROGRAM} on this machine",
            str(due[0].address),
            session.lab.where(*due[0].stated),
            hint,
            FOREIGN,
        )


def _access(session: Session, wanted: Mapping[Address, Spec]) -> Access:
    vms = []
    for spec in of_kind(wanted.values(), VmSpec):
        seen = vm_of(spec)
        seen.state, seen.host = State(spec.state), session.hosts.of(spec.address).uri
        vms.append(seen)
    networks = [network_of(spec) for spec in of_kind(wanted.values(), NetworkSpec)]
    for network in networks:
        network.active = True
    found = reach(Overview(vms, networks))
    guests = tuple(Guest(vm.name, vm.user, addresses_of(vm), vm.name in found.logins) for vm in vms)
    return Access(session.lab.name, guests, groups_of(session.lab), tuple(found.logins.values()))
