"""Whether this run is of a verb that changes something, and has begun to: so is told what a mistake or Ctrl-C left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.errors import goes_on
from labctl.core.record import record

if TYPE_CHECKING:
    from labctl.core.events import Event, Sink

UNTOUCHED = "nothing was changed"


@record(frozen=False)
class _Run:
    """`verb` is empty where it changes nothing."""

    verb: str = ""
    begun: bool = False


_run = _Run()


def start(verb: str = "") -> None:
    """A run starts, or is found to be of a verb that changes something."""
    _run.verb, _run.begun = verb, False


def noticed(sink: Sink) -> Sink:
    """A sink that notices when the first step begins."""
    from labctl.core.events import StepStarted

    def told(event: Event) -> None:
        _run.begun = _run.begun or isinstance(event, StepStarted)
        sink(event)

    return told


def left() -> str:
    """What this run left so far: nothing to say of a verb that changes nothing, or has begun to."""
    return UNTOUCHED if _run.verb and not _run.begun else ""


def interrupted() -> str:
    """What an interruption means."""
    return ": ".join(filter(None, ("interrupted", goes_on(_run.verb) if _run.begun else left())))
