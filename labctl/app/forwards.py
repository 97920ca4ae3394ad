"""Checks before the first change whether this host can do the forwards of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.errors import FOREIGN, Problem
from labctl.core.plan import steps_of
from labctl.host.machine import command, forwarders, ports
from labctl.host.machine.doctor.check import distribution
from labctl.kinds.forward.spec import ForwardSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.session import Session
    from labctl.core.address import Address
    from labctl.core.plan import Plan, StepOf
    from labctl.host.machine.ports import Refusal

REMOTE = "forwards are made on the machine of libvirt, so they need a local one"


def check(session: Session, plan: Plan) -> Iterator[Problem]:
    """The problems of the forwards that a plan begins: ports that are taken, or that this user may not have."""
    begins = [step for step in steps_of(plan.steps, ForwardSpec) if step.after]
    hosts = [session.hosts.of(step.address) for step in begins]
    if any(host.local and not host.inside for host in hosts) and not command.path(forwarders.TOOL):
        hint = distribution().install(forwarders.TOOL)
        path = begins[0].wanted.stated
        yield _problem(session, begins[0].wanted, f"{forwarders.TOOL} is not installed", hint, ".".join(path))
    changing = {step.address for step in plan.steps if step.before}
    for step in begins:
        if not session.hosts.of(step.address).local:
            hint = "run labctl there, or leave `forwards` out and use `ssh -L`"
            yield _problem(session, step.wanted, REMOTE, hint, severity="error")
        elif refused := _refused(session, step, changing):
            yield _problem(session, step.wanted, refused.summary, refused.hint)


def _refused(session: Session, step: StepOf[ForwardSpec], changing: set[Address]) -> Refusal | None:
    """Why a port can't be had; None if it is free, or its forwarder is the lab's own and ends in this run."""
    spec = step.wanted
    refused = ports.refusal(spec.listens, spec.protocol)
    mark = forwarders.mark_of(refused.owner.pid) if refused and refused.owner else None
    own = session.hosts.of(step.address).uri, session.lab.name
    if mark and (mark.uri, mark.lab) == own and mark.name in {each.name for each in changing}:
        return None
    return refused


def _problem(  # noqa: PLR0913, PLR0917  # the parts of a problem
    session: Session, spec: ForwardSpec, summary: str, hint: str, path: str = "", severity: str = FOREIGN
) -> Problem:
    vm = next(each for each in session.lab.vms if each.name == spec.vm)
    index = next(
        each.entry for each in vm.forwards if (each.listens, each.protocol) == (spec.listens, spec.protocol)
    )
    field = path or f"vms.{vm.base}.forwards[{index}]"
    return Problem(summary, field, session.lab.where(*spec.stated, index), hint, severity)
