"""What the rest of the command line has to know of this run.

That is whether its verb changes something, and has begun to: so is told what a mistake or Ctrl-C left. And the lab,
whose secrets no message may show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from labctl.core.errors import hint_after
from labctl.core.record import record

if TYPE_CHECKING:
    from labctl.app.lab import Lab
    from labctl.core.events import Event, Sink

T = TypeVar("T")

UNTOUCHED = "nothing was changed"


@record(frozen=False)
class _Run:
    """`verb` is empty where it changes nothing; `lab` is the one of this run, which knows its secrets."""

    verb: str = ""
    begun: bool = False
    lab: Lab | None = None


_run = _Run()


def start(verb: str = "") -> None:
    """A run starts, or is found to be of a verb that changes something."""
    _run.verb, _run.begun = verb, False


def concerns(lab: Lab) -> None:
    """The run is about this lab."""
    _run.lab = lab


def masked(value: T) -> T:
    """The same value, with the lab's secrets masked."""
    return _run.lab.masked(value) if _run.lab else value


def noticed(sink: Sink) -> Sink:
    """A sink that gets events masked, and that notices when the first step begins."""
    from labctl.core.events import StepStarted

    def told(event: Event) -> None:
        _run.begun = _run.begun or isinstance(event, StepStarted)
        sink(masked(event))

    return told


def left() -> str:
    """What this run left so far: nothing to say of a verb that changes nothing, or has begun to."""
    return UNTOUCHED if _run.verb and not _run.begun else ""


def interrupted() -> str:
    """What an interruption means."""
    return ": ".join(filter(None, ("interrupted", hint_after(_run.verb) if _run.begun else left())))
