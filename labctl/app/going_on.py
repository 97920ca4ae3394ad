"""Plans in which VMs go on from their memory: what makes them ready is in the Labfile, which need not be there.

Domains know no `ready` conditions and no provisioning steps. So `resume` and `snapshot restore` take these, and nothing
else, from the Labfile as it is now.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from labctl.app import desired_state, trust
from labctl.app.prepare import prepare
from labctl.core.errors import Interrupted, LabctlError, Problem
from labctl.core.events import Diagnostic
from labctl.core.plan import steps_of
from labctl.core.record import replace
from labctl.core.spans import spans
from labctl.engine.sources import Sources
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Collection

    from labctl.app.prepare import DesiredState, Prepared
    from labctl.app.session import Session
    from labctl.core.events import Sink


def look(session: Session, desired: DesiredState) -> Prepared:
    """Plan with the Labfile where it can be used, else without it; a note says of which VMs it told nothing.

    `desired` keeps what exists, whether it is given what the Labfile wants or nothing.

    Raises:
        LabctlError: there is no plan in either case.
    """
    return session.hosts.answering(partial(_look, session, desired))


def _look(session: Session, desired: DesiredState) -> Prepared:
    try:
        prepared, known = prepare(session, desired), {vm.name for vm in session.lab.vms}
        if session.trust is not True:
            trust.require(prepared.plan.reaches)  # the lab is not held up by a question about its Labfile
    except Interrupted:
        raise
    except LabctlError:
        prepared, known = prepare(session, desired, include_labfile=False), set()
    going_on = [step.after for step in steps_of(prepared.plan.steps, VmSpec) if step.after]
    unknown = [vm.name for vm in going_on if vm.awaited and vm.name not in known]
    notes = (_note(unknown),) if unknown else ()
    asked = tuple(each for each in prepared.plan.reaches if not each.trusted)  # the rest had its yes before
    plan = replace(prepared.plan, reaches=asked)
    # what the images of the Labfile are by now is for `up` to pin
    return replace(prepared, plan=plan, sources=Sources(), warnings=(*prepared.warnings, *notes))


def _note(vms: list[str]) -> Problem:
    return Problem(
        f"`ready` conditions of {spans(vms)} are not checked, and steps with `run: always` do not run there: "
        "the Labfile can't be used for that",
        hint="`labctl plan` says why",
        severity="note",
    )


def tell_off(names: Collection[str], sink: Sink, prepared: Prepared) -> None:
    """Say which of these VMs, all where none is named, are off: nothing resumes them."""
    if off := desired_state.off(names, prepared.observed.specs):
        verb = "is" if len(off) == 1 else "are"
        summary = f"{spans(off)} {verb} off, and only what is paused or saved resumes"
        sink(Diagnostic("note", summary, "`labctl up` starts what is off"))
