"""The protected VMs: what would lose their data is no step of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.errors import FOREIGN, Problem
from labctl.core.plan import LOST, Action
from labctl.core.spec import Effect, of_kind
from labctl.kinds import addresses
from labctl.kinds.snapshot.spec import SnapshotSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.session import Session
    from labctl.core.plan import Plan, Step
    from labctl.core.spec import Spec
    from labctl.engine.observe import Observed


def obstacles(session: Session, plan: Plan, observed: Observed) -> Iterator[Problem]:
    """Give an obstacle for each protected VM that a step deletes, or of which it loses data."""
    for step in plan.steps:
        if not step.destructive or _was_lost(step):
            continue
        for spec in _losing(step, observed):
            if spec.protect:
                yield Problem(
                    f"it is protected, and this would {f'lose {step.loss}' if step.loss else f'{step.action} it'}",
                    str(spec.address),
                    session.lab.where(*spec.stated, "protect"),
                    "set `protect: false` and run `labctl up` first",
                    FOREIGN,
                )


def _losing(step: Step, observed: Observed) -> Iterator[Spec]:
    """What loses data by a step: its own object, and by the restore of a snapshot the VMs that go back to it."""
    if step.before:
        yield step.before
    if step.action is Action.UPDATE:
        for snapshot in of_kind([step.spec], SnapshotSpec):
            back = (observed.specs.get(addresses.vm(vm.name)) for vm in snapshot.vms)
            yield from filter(None, back)


def _was_lost(step: Step) -> bool:
    """Whether a VM is replaced because its data is gone already, so that nothing is left to protect."""
    costs = [change for change in step.changes if change.effect is Effect.REPLACE]
    return bool(costs) and all(change.before == LOST for change in costs)
