"""The files of a lab beside its Labfile, which go when the lab is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app import elsewhere
from labctl.core.events import Diagnostic
from labctl.core.plan import Action
from labctl.engine.observe import observe

if TYPE_CHECKING:
    from labctl.app.session import Session
    from labctl.core.events import Sink
    from labctl.core.plan import Plan
    from labctl.engine.execute import Outcome
    from labctl.engine.observe import Observed


def begin(session: Session) -> None:
    """Keep, before the first change, the key that the digests in the plan were made with, and where the lab is made."""
    session.keys.keep_secret(session.secret)
    elsewhere.note_here(session)


def tidy(session: Session, plan: Plan, outcome: Outcome, sink: Sink) -> None:
    """Remove them once a run has deleted the last object of the lab, whichever that is."""
    deleted = {step.address for step in plan.steps if step.action is Action.DELETE}
    if deleted & outcome.done and not observe(session.hosts, session.lab.name, session.kinds).specs:
        _remove(session, sink)


def forget_leftovers(session: Session, observed: Observed, sink: Sink) -> None:
    """Remove those of a lab that was destroyed by somebody who could not remove them, or who was killed before."""
    if not observed.specs and _remove(session, sink):
        sink(Diagnostic("note", "the lab's local files, which were all that was left of it, are removed"))


def _remove(session: Session, sink: Sink) -> bool:
    """Remove them and give whether there were any. What labctl did not make stays and is named."""
    if places := elsewhere.forget_here(session):
        summary = f"local files stay: the lab was also made on {', '.join(places)}"
        sink(Diagnostic("note", summary, elsewhere.hint(places)))
        return False
    cleared = session.folder.clear()
    if cleared.stays:
        first, more = cleared.stays[0], len(cleared.stays) - 1
        others = f", and {more} more" if more else ""
        sink(Diagnostic("warning", f"local files stay: {first}{others}", first.hint))
    return cleared.removed
