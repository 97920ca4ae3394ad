"""The lock of a host's subnets: no other lab may choose one between a look at the host and the networks' start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.events import StepDone, StepFailed, StepSkipped
from labctl.core.plan import steps_of
from labctl.kinds.network.spec import NetworkSpec

if TYPE_CHECKING:
    from contextlib import AbstractContextManager, ExitStack

    from labctl.app.session import Session
    from labctl.core.events import Event, Sink
    from labctl.core.plan import Plan

WAIT_S = 120.0


def acquired(session: Session) -> AbstractContextManager[None]:
    return session.hosts.lock("subnets", wait_s=WAIT_S)


def networks(plan: Plan) -> set[str]:
    """The networks that a plan starts."""
    return {step.id for step in steps_of(plan.steps, NetworkSpec) if step.action.makes}


def releasing(sink: Sink, waiting: set[str], subnets: ExitStack) -> Sink:
    """A sink that gives the lock of the subnets back as soon as the last network is settled."""

    def told(event: Event) -> None:
        sink(event)
        if isinstance(event, StepDone | StepFailed | StepSkipped):
            waiting.discard(event.address)
            if not waiting:
                subnets.close()

    return told
