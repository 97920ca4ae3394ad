"""Copies of volumes that were cut off, by a kill of a run that brought a lab back: they are made before all else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.core.spans import spans
from labctl.core.spec import of_kind
from labctl.host.libvirt import copies, pools, volumes
from labctl.host.libvirt.connection import translated
from labctl.kinds import addresses
from labctl.kinds.pool.spec import PoolSpec

if TYPE_CHECKING:
    from labctl.app.session import Session
    from labctl.core.plan import Plan


def finishing(session: Session) -> Plan:
    """The plan that makes the copies of the lab that are noted; empty where none is, or its pool is stopped.

    Raises:
        LabctlError: libvirt does not answer.
    """
    lab, address, found = session.lab.name, addresses.pool(session.lab.name), {}
    with translated(str(address)):
        pool = pools.lookup(session.hosts.of(address).virt, identity.pool_name(lab))
        if pool is not None and pool.isActive() and (noted := copies.marked(volumes.names(pool))):
            found[address] = PoolSpec(lab, pools.path(pool), unfinished=noted)
    wanted = {address: replace(spec, unfinished=()) for address, spec in found.items()}
    return plan(wanted, found, lab=lab, connection=session.hosts.place)


def told(copying: Plan) -> str:
    """Why the plan says no more."""
    found = of_kind((step.before for step in copying.steps), PoolSpec)
    names = spans(name for pool in found for name in pool.unfinished)
    return (
        f"a run was ended while it copied back {names}: what else there is to do is known once that is done"
    )
