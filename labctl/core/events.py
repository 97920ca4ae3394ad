"""Everything worth telling about a run, as frozen events; report/ turns them into text, bars or JSON lines."""

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
    """The base; `to_json` gives `{"event": <class name>, …fields}`."""

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
    """`doing` is how people are told of the verb."""

    address: str
    action: str
    verb: str
    doing: str


@record
class StepProgress(Event):
    """`done` and `total` are bytes where `unit` says so, else 0; `text` says what is going on."""

    address: str
    text: str
    done: int = 0
    total: int = 0


@record
class StepDone(Event):
    """`seconds` counts from the start of the step's first operation."""

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
    """It was not done, or was `begun` and is not finished, as a VM that was started and not waited for."""

    address: str
    action: str
    reason: str
    begun: bool = False


@record
class VmStage(Event):
    """A VM reached a stage: `started`, cloud-init's `init`, `config`, `final`, then `booted` and `ready`."""

    vm: str
    stage: str
    seconds: float


@record
class Diagnostic(Event):
    """Something the user should know that is no failure of a step."""

    severity: str  # "warning" or "note"
    summary: str
    hint: str = ""


class Ending(StrEnum):
    """How a run ended."""

    DONE = "done"  # also where there was nothing to do
    DECLINED = "declined"  # somebody was asked and said no
    REFUSED = "refused"  # something stood against the plan before the first change
    FAILED = "failed"
    UNREADY = "unready"  # all was made, but a VM did not become ready
    INTERRUPTED = "interrupted"


@record
class Finished(Event):
    """The last event of a run.

    `done`, `failed` and `skipped` count steps; `next` is what to type now, empty where there is nothing to do.
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
    """What a driver's verb tells of its work: progress of its own step, a VM's stages, notes."""

    def __init__(
        self, sink: Sink, address: Address, started: float, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        """`started` is the run's start on the monotonic clock, `stopped` says that the run is to end."""
        self._sink, self._address, self._started, self._stopped = sink, address, started, stopped

    def progress(self, text: str, done: int = 0, total: int = 0) -> None:
        """Tell how far it is; here a long piece of work, as a download, learns that it is to end.

        Raises:
            Interrupted: the user stopped the run; what was made in part is to be removed or can be resumed.
        """
        if self._stopped():
            raise Interrupted("stopped")
        self._sink(StepProgress(str(self._address), text, done, total))

    def stage(self, stage: str) -> None:
        self._sink(VmStage(self._address.name, stage, round(time.monotonic() - self._started, 3)))

    def warn(self, summary: str, hint: str = "") -> None:
        self._sink(Diagnostic("warning", f"{self._address}: {summary}", hint))
