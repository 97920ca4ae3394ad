"""What `plan` shows. To look changes nothing: a stopped pool stays so, though only a started one says what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app import desired_state
from labctl.app.prepare import Prepared, prepare
from labctl.core import identity
from labctl.core.errors import Problem
from labctl.core.planning import plan as planned
from labctl.core.record import replace
from labctl.core.spans import spans
from labctl.engine.allocation import Allocation
from labctl.engine.observe import Observed
from labctl.engine.sources import Sources
from labctl.host.libvirt import pools
from labctl.host.libvirt.connection import translated
from labctl.kinds import addresses
from labctl.kinds.pool.spec import PoolSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labctl.app.session import Session
    from labctl.core.address import Address


def plan(session: Session, vms: Iterable[str] = ()) -> Prepared:
    """What `up` would do; no more than to start the pools where those that it has to look into are stopped.

    Raises:
        Rejected: the Labfile does not fit this host, with every reason.
        LabctlError: someone else has what the lab needs, or libvirt does not answer.
    """
    _ = session.lab  # a wrong Labfile is told before libvirt is looked for
    found = stopped(session)
    if not found:
        return prepare(session, desired_state.up(vms))
    wanted = {address: replace(spec, active=True) for address, spec in found.items()}
    made = planned(wanted, found, lab=session.lab.name, connection=session.hosts.uri)
    return Prepared(made, Observed(), Allocation(), Sources(), (_warning(found),), ())


def stopped(session: Session) -> dict[Address, PoolSpec]:
    """The stopped ones of the lab's own pool and the images' pool, by their addresses.

    Raises:
        LabctlError: libvirt does not answer.
    """
    found = {}
    for name in (identity.pool_name(session.lab.name), identity.STORE):
        owner = identity.lab_of_pool(name) or name.removeprefix("labctl-")
        address = addresses.pool(owner)
        with translated(str(address)):
            pool = pools.lookup(session.hosts.of(address).virt, name)
            if pool is not None and not pool.isActive():
                found[address] = PoolSpec(owner, pools.path(pool), active=False)
    return found


def _warning(found: Mapping[Address, PoolSpec]) -> Problem:
    """Why the plan says no more."""
    names = [spec.libvirt_name for spec in found.values()]
    subject = f"pool {spans(names)} is" if len(names) == 1 else f"pools {spans(names)} are"
    return Problem(
        f"the {subject} stopped: what else there is to do is known once that is started",
        hint="`labctl up` starts what is stopped, then shows the whole plan and asks",
        severity="warning",
    )
