"""The pools that a lab needs, where they are stopped: only a started one lists its volumes, and a look starts none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.core.spans import spans
from labctl.host.libvirt import pools
from labctl.host.libvirt.connection import translated
from labctl.kinds import addresses
from labctl.kinds.pool.spec import PoolSpec

if TYPE_CHECKING:
    from labctl.app.session import Session
    from labctl.core.plan import Plan


def starting(session: Session, *, with_store: bool) -> Plan:
    """The plan that starts what is stopped of the lab's own pool and, `with_store`, of the images' pool.

    Raises:
        LabctlError: libvirt does not answer.
    """
    found = {}
    for name in (identity.pool_name(session.lab.name), *[identity.STORE] * with_store):
        owner = name.removeprefix(identity.POOLS)
        address = addresses.pool(owner)
        with translated(str(address)):
            pool = pools.lookup(session.hosts.of(address).virt, name)
            if pool is not None and not pool.isActive():
                found[address] = PoolSpec(owner, pools.path(pool), active=False)
    wanted = {address: replace(spec, active=True) for address, spec in found.items()}
    return plan(wanted, found, lab=session.lab.name, connection=session.hosts.place)


def told(starts: Plan) -> str:
    """Why the plan says no more."""
    names = [identity.pool_name(step.address.name) for step in starts.steps]
    if len(names) == 1:
        return f"the pool {names[0]} is stopped: what else there is to do is known once it is started"
    return f"the pools {spans(names)} are stopped: what else there is to do is known once they are started"
