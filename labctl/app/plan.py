"""What `plan` shows. To look changes nothing: a stopped pool stays so, though only a started one says what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app import desired_state, stopped_pools
from labctl.app.prepare import Prepared, prepare
from labctl.core.errors import Problem
from labctl.engine.allocation import Allocation
from labctl.engine.observe import Observed
from labctl.engine.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.app.session import Session


def plan(session: Session, vms: Iterable[str] = ()) -> Prepared:
    """What `up` would do; no more than to start the pools where those that it has to look into are stopped.

    Raises:
        Rejected: the Labfile does not fit this host, with every reason.
        LabctlError: someone else has what the lab needs, or libvirt does not answer.
    """
    _ = session.lab  # a wrong Labfile is told before libvirt is looked for
    starts = stopped_pools.starting(session, with_store=True)
    if not starts:
        names = tuple(vms)
        return prepare(session, desired_state.up(names), warm=not names)
    hint = "`labctl up` starts what is stopped once it has your yes, then shows the whole plan and asks again"
    warning = Problem(stopped_pools.told(starts), hint=hint, severity="warning")
    return Prepared(starts, Observed(), Allocation(), Sources(), (warning,), ())
