"""What `plan` shows. To look changes nothing: a stopped pool stays so, though only a started one says what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app import desired_state, pools_first
from labctl.app.prepare import Prepared, prepare
from labctl.core.errors import Problem
from labctl.engine.allocation import Allocation
from labctl.engine.observe import Observed
from labctl.engine.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.app.session import Session


def plan(session: Session, vms: Iterable[str] = ()) -> Prepared:
    """What `up` would do; no more than what comes first, where pools are stopped or half restored.

    Raises:
        Rejected: the Labfile does not fit this host, with every reason.
        LabctlError: someone else has what the lab needs, or libvirt does not answer.
    """
    _ = session.lab  # a wrong Labfile is told before libvirt is looked for
    first = next(pools_first.plans(session, with_store=True), None)
    if first is None:
        return complete(session, vms)
    made, why = first
    hint = "`labctl up` does that once it has your yes, then shows the whole plan and asks again"
    warning = Problem(why, hint=hint, severity="warning")
    return Prepared(made, Observed(), Allocation(), Sources(), (warning,), ())


def complete(session: Session, vms: Iterable[str] = ()) -> Prepared:
    """The same where nothing comes first; the errors are the same too."""
    names = tuple(vms)
    return prepare(session, desired_state.up(names), warm=not names)
