"""The sink for a terminal: running steps stand at the bottom with their time, finished steps scroll up."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from labctl.core.address import natural_sort_key
from labctl.core.events import (
    ConsoleLine,
    Diagnostic,
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
from labctl.core.record import field, record
from labctl.core.size import format_size
from labctl.kinds.vm.verbs import BOOTED
from labctl.report import plain, plantext, prefixed, screen, wrap
from labctl.report.colour import Paint, unsealed
from labctl.report.phrases import DONE, and_state, done_words, seconds
from labctl.report.plantext import Style
from labctl.report.rate import Rate

if TYPE_CHECKING:
    from rich.console import RenderableType

    from labctl.core.plan import Plan

REFRESH_HZ = 8
BAR_WIDTH = 24
SPARE_ROWS = 2  # for the last line, and the one in which the cursor stands
_BOOTING = BOOTED.doing


@record(frozen=False)
class _Line:
    """The line of a running step."""

    text: str
    began: float = field(default_factory=time.monotonic)
    done: int = 0
    total: int = 0
    queued: bool = False  # it waits for its turn
    rate: Rate = field(default_factory=Rate)


class Terminal:
    """Shows events on a terminal. Its live part is there from the first step of a plan to its end."""

    def __init__(self, stream: TextIO, *, verbose: bool = False, colour: bool = True) -> None:
        self._console = Console(file=stream, no_color=not colour, highlight=False, emoji=False, markup=False)
        self._paint = Paint.on(stream, allowed=colour)
        self._stream, self._verbose = stream, verbose
        self._lock = threading.RLock()
        self._lines: dict[str, _Line] = {}
        self._done: dict[str, str] = {}
        self._before: dict[str, str] = {}  # what stands before the lines of each VM's steps
        self._stages: dict[str, str] = {}  # the last stage that each VM reported
        self._hints: list[tuple[str, str]] = []
        self._began = time.monotonic()
        self._total = self._count = 0
        self._live: Live | None = None

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._take(screen.harmless(event))  # rich writes by itself

    def _take(self, event: Event) -> None:
        match event:
            case PlanReady(plan):
                self._clear()  # it may follow another plan of the same run
                self._done |= done_words(plan)
                self._before |= prefixed.of_steps(plan, self._paint)
                self._total, self._count = len(plan.steps), 0
                screen.write(self._stream, self._plan(plan) + "\n")
            case StepStarted():
                self._start(event)
            case StepProgress() | VmStage() | ConsoleLine():
                self._go_on(event)
            case StepDone():
                word = self._done.get(event.address, DONE.get(event.action, event.action))
                word = and_state(word, self._stages.get(event.address))
                self._end(event.address, "✓", "green", f"{word}  {seconds(event.seconds)}")
            case StepFailed():
                self._hints.append((event.address, event.hint))
                self._end(event.address, "✗", "red", f"failed: {event.error}")
            case StepSkipped():
                self._end(event.address, "-", "yellow", plain.skipped(event))
            case Diagnostic():
                colour = "yellow" if event.severity == "warning" else "dim"
                self._say(self._own(plain.diagnostic(event), colour))
            case StepOutput(_, vm, text):
                before = Text.from_ansi(unsealed(self._before.get(vm, f"{vm} | ")), end="")
                self._say(before.append(text))
            case Finished():
                self._finish(event)

    def _go_on(self, event: StepProgress | VmStage | ConsoleLine) -> None:
        match event:
            case StepProgress():
                line = self._lines.setdefault(event.address, _Line(""))
                line.text, line.done, line.total = event.text, event.done, event.total
                line.queued = event.queued
                line.rate.add(event.text, event.done)
            case VmStage():
                self._stage(event)
            case ConsoleLine(vm, text):
                if boots := self._lines.get(f"vm/{vm}"):
                    boots.text = f"{_BOOTING}: {text}"

    def _plan(self, plan: Plan) -> str:
        return plantext.render(plan, Style(self._paint, wrap.width(self._stream), self._verbose))

    def _start(self, event: StepStarted) -> None:
        if self._live is None:
            self._began = time.monotonic()
            self._live = Live(
                self,
                console=self._console,
                refresh_per_second=REFRESH_HZ,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        line = self._lines.setdefault(event.address, _Line(""))
        line.text, line.done, line.total = event.doing, 0, 0
        if self._verbose:
            self._say(Text(f"  {event.address} {line.text}", style="dim"))

    def _stage(self, event: VmStage) -> None:
        if line := self._lines.get(f"vm/{event.vm}"):
            line.text = _STAGES.get(event.stage, event.stage)
        self._stages[f"vm/{event.vm}"] = event.stage
        if self._verbose:
            self._say(Text(f"  vm/{event.vm} {event.stage}  {seconds(event.seconds)}", style="dim"))

    def _end(self, address: str, sign: str, style: str, text: str) -> None:
        self._lines.pop(address, None)
        self._count += 1
        told = self._own(f"{sign} {address} {text}")
        told.stylize(style, 0, 1)
        if style == "red":
            told.stylize(style, len(f"{sign} {address}"))
        self._say(told)

    def _own(self, text: str, style: str = "") -> Text:
        """Words of labctl itself, wrapped to the screen."""
        return Text(wrap.at_spaces(text, self._console.width), style)

    def _say(self, text: Text) -> None:
        """Print above the live part."""
        self._console.print(text, soft_wrap=True)

    def _clear(self) -> None:
        """Take the live part off the screen."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _finish(self, event: Finished) -> None:
        self._clear()
        if text := plain.finished(event):
            self._say(self._own(text, "" if event.ok else "red"))
        for address, hint in self._hints:
            if hint:
                self._say(self._own(f"  hint: {address}: {hint}"))

    def __rich__(self) -> RenderableType:
        """The running steps, as they are whenever rich draws: also below a line that it prints above them.

        Rich calls this with its own lock held, so taking our lock here would be a deadlock.
        """
        now, lines = time.monotonic(), dict(self._lines)
        shown = sorted(lines.items(), key=_rank)[: max(self._console.height - SPARE_ROWS, 1)]
        rows = [(f"  {name}", seconds(now - line.began), _work(line)) for name, line in shown]
        names = max((len(name) for name, _, _ in rows), default=0)
        times = max((len(spent) for _, spent, _ in rows), default=0)
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right")
        # bounded, or rich would make room for a long text in the other columns too
        table.add_column(no_wrap=True, max_width=max(self._console.width - names - times - 2, 1))
        for row in rows:
            table.add_row(*row)
        more = f", {len(lines) - len(shown)} more under way" if len(shown) < len(lines) else ""
        foot = f"{self._count} of {self._total} steps, {seconds(now - self._began)}{more}"
        return Group(table, Text(foot, style="dim"))


def _rank(each: tuple[str, _Line]) -> tuple[object, ...]:
    """Those that only wait for their turn come last: a small screen has no room for them."""
    address, line = each
    return line.queued, natural_sort_key(address)


# What a VM does after it reported a stage; those without a `Stage` are the stages of cloud-init.
_STAGES = {
    Stage.STARTED: _BOOTING,
    "init": f"{_BOOTING}: cloud-init started",
    "config": f"{_BOOTING}: cloud-init configures",
    "final": f"{_BOOTING}: cloud-init's last part",
    Stage.BOOTED: "booted",
    Stage.READY: "ready",
}


def _work(line: _Line) -> RenderableType:
    rate = line.rate.text(line.total) if line.done else ""
    if not line.total:
        return Text(f"{line.text} {format_size(line.done)}  {rate}".rstrip() if line.done else line.text)
    row = Table.grid(padding=(0, 1))
    row.add_row(
        Text(line.text),
        ProgressBar(total=line.total, completed=line.done, width=BAR_WIDTH),
        f"{100 * line.done // line.total}%",
        rate,
    )
    return row
