"""Checks whether the snapshots that a plan goes back to can be restored here, before it changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.plan import Action, steps_of
from labctl.kinds.snapshot.spec import SnapshotSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.session import Session
    from labctl.core.errors import Problem
    from labctl.core.plan import Plan


def obstacles(session: Session, plan: Plan) -> Iterator[Problem]:
    """Give an obstacle for each part, file or piece of hardware that is lacking."""
    for step in steps_of(plan.steps, SnapshotSpec):
        if step.action is Action.UPDATE and step.wanted.restored:
            from labctl.kinds.snapshot import restorable  # most plans restore nothing

            snapshot, host = step.existing, session.hosts.of(step.address)
            pool = host.pool(identity.pool_name(snapshot.lab))
            yield from restorable.obstacles(host.virt, pool, snapshot)
