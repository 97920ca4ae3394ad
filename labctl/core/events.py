"""The events of a run, as frozen records. report/ shows them as text, progress bars or JSON lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from labctl.core.errors import Interrupted
from labctl.core.plan import Plan
from labctl.core.record import fields, record

if TYPE_CHECKING:
    from labctl.core.address import Address


@record
class Event:
    """The base of all events. `to_json` gives the fields, and the name of the class as `event`."""

    def to_json(self) -> dict[str, Any]:
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {"event": type(self).__name__} | {
            name: value.to_json() if isinstance(value, Plan) else value for name, value in values.items()
        }


@record
class PlanReady(Event):
    plan: Plan


@record
class StepStarted(Event):
    """An operation of a step starts. `doing` is the verb in words for people, as "creating"."""

    address: str
    action: str
    verb: str
    doing: str


@record
class StepProgress(Event):
    """The progress of a step. `text` says what is done now; `done` and `total` are bytes, or 0 where unknown.

    `queued` says that nothing is done now: the step waits for its turn.
    """

    address: str
    text: str
    done: int = 0
    total: int = 0
    queued: bool = False


@record
class StepOutput(Event):
    """A line that a step's program wrote, in a VM or on behalf of it. It is not kept for sinks that join later."""

    address: str
    vm: str
    text: str


@record
class StepDone(Event):
    """A step is done. `seconds` is the time since the start of its first operation."""

    address: str
    action: str
    seconds: float


@record
class StepFailed(Event):
    address: str
    action: str
    error: str
    hint: str = ""


@record
class StepSkipped(Event):
    """A step was not done. `begun` means that it was started and not finished, as
    a VM that did not become ready yet.
    """

    address: str
    action: str
    reason: str
    begun: bool = False


@record
class VmStage(Event):
    """A VM reached a stage: `started`, cloud-init's `init`, `config` and `final`, then `booted` and `ready`.

    `seconds` is the time since the start of the run.
    """

    vm: str
    stage: str
    seconds: float


@record
class ConsoleLine(Event):
    """The latest telling line of a booting VM's console, for people who watch. It is no part of the JSON stream."""

    vm: str
    text: str


@record
class Diagnostic(Event):
    """A message for the user that is not the failure of a step."""

    severity: str  # "warning" or "note"
    summary: str
    hint: str = ""


class Ending(StrEnum):
    """How a run ended."""

    DONE = "done"  # also where there was nothing to do
    DECLINED = "declined"  # the user was asked and declined
    REFUSED = "refused"  # a check before the first change found a problem
    FAILED = "failed"
    UNREADY = "unready"  # everything was done, but a VM did not become ready
    INTERRUPTED = "interrupted"


@record
class Finished(Event):
    """The last event of a run.

    `done`, `failed` and `skipped` count steps. `next` is the command to run next; it is empty where none is needed.
    """

    ending: Ending
    done: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    next: str = ""

    @property
    def ok(self) -> bool:
        return self.ending is Ending.DONE

    def to_json(self) -> dict[str, Any]:
        return super().to_json() | {"ok": self.ok}


Sink = Callable[[Event], None]


class Teller:
    """Sends the events of one step for a driver: its progress, the stages of a VM, and warnings."""

    def __init__(
        self, sink: Sink, address: Address, started: float, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        """`started` is the start of the run on the monotonic clock; `stopped` says whether the run is to end."""
        self._sink, self._address, self._started, self._stopped = sink, address, started, stopped

    def to_the_end(self) -> Teller:
        """The same for work that an end of the run does not break off, as clearing up."""
        return Teller(self._sink, self._address, self._started)

    def progress(self, text: str, done: int = 0, total: int = 0) -> None:
        """Send a progress event. Long work, as a download, calls this often, and is ended here when the run is to end.

        Raises:
            Interrupted: the user stopped the run. The caller removes partial results, or leaves them to be resumed.
        """
        if self._stopped():
            raise Interrupted("stopped")
        self._sink(StepProgress(str(self._address), text, done, total))

    def queued(self, text: str) -> None:
        """Say that the step waits for its turn."""
        self._sink(StepProgress(str(self._address), text, queued=True))

    def output(self, vm: str, text: str) -> None:
        """Send a line that a program wrote."""
        self._sink(StepOutput(str(self._address), vm, text))

    def stage(self, stage: str) -> None:
        self._sink(VmStage(self._address.name, stage, round(time.monotonic() - self._started, 3)))

    def console(self, line: str) -> None:
        self._sink(ConsoleLine(self._address.name, line))

    def note(self, summary: str) -> None:
        self._sink(Diagnostic("note", f"{self._address}: {summary}"))

    def warn(self, summary: str, hint: str = "") -> None:
        self._sink(Diagnostic("warning", f"{self._address}: {summary}", hint))
