"""What a run that changes a lab tells besides its steps: what it found before, and how it ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from labctl.app import preflight
from labctl.core.errors import hint_after, mended_by
from labctl.core.events import Diagnostic, Ending, Finished, PlanReady
from labctl.host.machine import lock
from labctl.kinds.warm.spec import WarmSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.app.prepare import Prepared
    from labctl.core.errors import Problem
    from labctl.core.events import Sink
    from labctl.engine.execute import Outcome

UNSAVED = "the lab is ready; it is saved by the next `labctl up` that makes all of it"


def ended(
    sink: Sink,
    began: float,
    ending: Ending = Ending.DONE,
    hint: str = "",
    counts: tuple[int, int, int] = (0, 0, 0),
) -> Finished:
    """Tell the last event; `counts` are done, failed, skipped."""
    finished = Finished(ending, *counts, round(time.monotonic() - began, 3), hint)
    sink(finished)
    return finished


def warn(warnings: Iterable[Problem], sink: Sink) -> None:
    for warning in warnings:
        where = f"{warning.where}: " if warning.where else ""
        summary = f"{where}{warning.path}: {warning.summary}" if warning.path else warning.summary
        sink(Diagnostic(warning.severity, summary, warning.hint))


def announce(prepared: Prepared, sink: Sink) -> None:
    warn(prepared.warnings, sink)
    if prepared.plan and not lock.shared():
        summary = (
            f"not everybody can use {lock.SHARED} here: labctls of other users may change the host meanwhile"
        )
        sink(Diagnostic("note", summary))
    sink(PlanReady(prepared.plan))


def refuse(prepared: Prepared, sink: Sink, began: float) -> None:
    """End here where something stands against the plan, before the first change.

    Raises:
        Refused: it does.
    """
    if prepared.obstacles:
        ended(sink, began, Ending.REFUSED)
        preflight.refuse(prepared.obstacles)


def finish(outcome: Outcome, verb: str, sink: Sink, began: float) -> Finished:
    hint = ""
    if outcome.interrupted:
        hint = UNSAVED if _all_but_saved(outcome) else hint_after(verb)
    elif outcome.errors:
        hint = mended_by(outcome.errors.values())
    counts = len(outcome.done), len(outcome.errors), len(outcome.skipped)
    return ended(sink, began, outcome.ending, hint, counts)


def _all_but_saved(outcome: Outcome) -> bool:
    return {address.kind for address in outcome.skipped} == {WarmSpec.kind}
