"""The sink that writes plain lines, for logs, pipes and CI."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TextIO

from labctl.core.events import (
    Diagnostic,
    Ending,
    Event,
    Finished,
    PlanReady,
    StepDone,
    StepFailed,
    StepOutput,
    StepProgress,
    StepSkipped,
    StepStarted,
    VmStage,
)
from labctl.core.lifecycle import Stage
from labctl.core.size import format_size
from labctl.kinds.vm.verbs import STOP
from labctl.report import plantext, prefixed, screen
from labctl.report.colour import Paint
from labctl.report.phrases import DONE, STARTED, WAITED, and_state, done_words, plural, seconds
from labctl.report.rate import Rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.core.errors import Problem


class Plain:
    """Writes a line for each event worth one. Threads may share it: lines stay whole."""

    def __init__(
        self,
        stream: TextIO,
        *,
        quiet: bool = False,
        verbose: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream, self._quiet, self._verbose = stream, quiet, verbose
        self._clock, self._rates = clock, dict[str, Rate]()
        self._lock = threading.Lock()
        self._done: dict[str, str] = {}
        self._before: dict[str, str] = {}  # what stands before the lines of each VM's steps
        self._stages: dict[str, str] = {}  # the last stage that each VM reported

    def __call__(self, event: Event) -> None:
        event = screen.bounded(event)
        with self._lock:
            if isinstance(event, PlanReady):
                self._done |= done_words(event.plan)
                self._before |= prefixed.of_steps(event.plan, Paint())
            if isinstance(event, VmStage):
                self._stages[f"vm/{event.vm}"] = event.stage
            if isinstance(event, StepDone) and self._covered_by_ready(event):
                return
            text = self._text(event)
            if text:
                screen.write(self._stream, f"{text}\n")

    def _covered_by_ready(self, event: StepDone) -> bool:
        """Whether the line that says that a VM is ready also covers that it was created, started or waited for."""
        new = event.action in ("create", "replace") or self._done.get(event.address) in (STARTED, WAITED)
        return new and self._stages.get(event.address) == Stage.READY and not self._verbose

    def _text(self, event: Event) -> str:
        match event:
            case StepFailed():
                return failure(event)
            case StepSkipped():
                return f"{event.address}: {skipped(event)}"
            case Diagnostic():
                return "" if self._quiet and event.severity == "note" else diagnostic(event)
            case Finished():
                return "" if self._quiet and event.ok else finished(event)
        return "" if self._quiet else self._detail(event)

    def _detail(self, event: Event) -> str:
        match event:
            case PlanReady(plan):
                return plantext.render(plan, plantext.Style(verbose=self._verbose))
            case StepDone():
                word = self._done.get(event.address, DONE.get(event.action, event.action))
                if self._stages.get(event.address) == Stage.STARTED:
                    word = and_state(word, Stage.STARTED)
                return f"{event.address}: {word} ({seconds(event.seconds)})"
            case VmStage() | StepOutput():
                return self._of_vm(event)
            case StepStarted() if self._verbose or event.verb == STOP.name:  # it can take a minute
                return f"{event.address}: {event.doing}"
            case StepProgress() if self._verbose:
                return f"{event.address}: {progress(event, self._rate(event))}"
        return ""

    def _of_vm(self, event: VmStage | StepOutput) -> str:
        """`vm/web: ready (3.1 s)`; and `web | text` for a line of a program."""
        if isinstance(event, StepOutput):
            return f"{self._before.get(event.vm, f'{event.vm} | ')}{event.text}"
        return f"vm/{event.vm}: {event.stage} ({seconds(event.seconds)})"

    def _rate(self, event: StepProgress) -> str:
        rate = self._rates.setdefault(event.address, Rate(self._clock))
        rate.add(event.text, event.done)
        return rate.text(event.total)


def skipped(event: StepSkipped) -> str:
    return f"{'not finished' if event.begun else 'skipped'}, {event.reason}"


def failure(event: StepFailed) -> str:
    hint = f"\n  hint: {event.hint}" if event.hint else ""
    return f"{event.address}: failed: {event.error}{hint}"


def progress(event: StepProgress, rate: str) -> str:
    """`downloading 12MiB of 340MiB, 11.2MiB/s, 29 s left`."""
    if not (event.done or event.total):
        return event.text
    of = f" of {format_size(event.total)}" if event.total else ""
    return f"{event.text} {format_size(event.done)}{of}" + (f", {rate}" if rate else "")


def diagnostic(event: Diagnostic) -> str:
    return f"{event.severity}: {event.summary}" + (f" ({event.hint})" if event.hint else "")


def problem_line(problem: Problem) -> str:
    """A warning or note with its place, as in `warning: Labfile.yaml:6:16: …`."""
    return f"{problem.severity}: {problem}"


def finished(event: Finished) -> str:
    """How a run ended and what to type next; empty if nothing was done and there is nothing to type."""
    if not (event.done or event.failed or event.skipped or event.next):
        return ""
    counts = [f"{event.done} done"]
    counts += [f"{event.failed} failed"] * bool(event.failed)
    counts += [f"{event.skipped} not done"] * bool(event.skipped)
    if event.ok:
        head = f"done: {plural(event.done, 'step')} in {seconds(event.seconds)}"
    elif event.done or event.failed or event.skipped:
        word = "interrupted" if event.ending is Ending.INTERRUPTED else "failed"
        head = f"{word}: {', '.join(counts)} after {seconds(event.seconds)}"
    else:
        return event.next
    return head + (f"\n  next: {event.next}" if event.next else "")
