"""What a terminal shows, fed with recorded events."""

import io
import re
import threading

from labctl.core.events import (
    ConsoleLine,
    Diagnostic,
    PlanReady,
    StepDone,
    StepOutput,
    StepProgress,
    StepStarted,
)
from labctl.report.terminal import Terminal
from tests.terminals import ANSI, Tty
from tests.unit.report.samples import EVENTS, fed, sample, waited
from tests.waiting import wait_until


def test_terminal_without_a_terminal_tells_the_same():
    stream = io.StringIO()
    fed(Terminal(stream, colour=False))
    text = ANSI.sub("", stream.getvalue())
    for part in (
        "✓ network/back created  0.3 s",
        "✓ vm/new created and ready  60.1 s",
        "✗ vm/db failed: not ready",
        "- vm/more skipped, vm/db failed",
        "failed: 3 done, 1 failed, 1 not done after 5 min 01 s",
        "hint: vm/db: look at `labctl logs db`",
    ):
        assert part in text
    assert text.rstrip().endswith("look at `labctl logs db`"), "the hint comes last"


def test_a_vm_that_was_waited_for_is_told_to_be_ready_once():
    stream = io.StringIO()
    fed(Terminal(stream, colour=False), waited())
    assert ANSI.sub("", stream.getvalue()).splitlines()[-1] == "✓ vm/db ready  4.0 s"


def test_terminal_draws_what_is_under_way(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Tty()
    sink = Terminal(stream)
    fed(sink, EVENTS[:7])
    drawn = r"disk/new/root\s+\d+\.\d s\s+uploading\s+━*.*11%"
    wait_until(lambda: re.search(drawn, ANSI.sub("", stream.getvalue())))
    fed(sink, EVENTS[7:])
    assert "of 9 steps" in ANSI.sub("", stream.getvalue())


def test_a_booting_vm_shows_what_its_console_says(monkeypatch):
    """Cut to the width, and without anything that acts on the terminal."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    stream = Tty()
    sink = Terminal(stream)
    fed(sink, EVENTS[:11])
    fed(sink, [ConsoleLine("new", "Started ssh.service"), ConsoleLine("db", "of a VM that does not boot")])
    wait_until(lambda: "booting: Started ssh.service" in stream.getvalue())
    fed(sink, [ConsoleLine("new", "\x1b]0;evil\x07" + "x" * 500)])
    wait_until(lambda: re.search(r"  vm/new +[0-9.]+ s booting: .*x…", ANSI.sub("", stream.getvalue())))
    fed(sink, EVENTS[11:])
    drawn = ANSI.sub("\n", stream.getvalue())
    assert "\x1b]0" not in stream.getvalue()
    assert "of a VM that" not in drawn
    assert max(len(line) for line in drawn.split("\n") if "xx" in line) <= 60


def test_own_words_are_wrapped_at_spaces_and_those_of_programs_are_left_alone(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = io.StringIO()
    summary = "no usable KVM here: VMs are emulated, and take longer"
    fed(Terminal(stream, colour=False), [Diagnostic("note", summary), StepOutput("vm/a", "a", summary)])
    assert stream.getvalue().splitlines() == [
        "note: no usable KVM here: VMs are",
        "emulated, and take longer",
        f"a | {summary}",
    ]


def test_a_small_screen_shows_what_boots_and_how_far_the_run_is(monkeypatch):
    """And not what only waits for its turn to."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("LINES", "6")
    stream = Tty()
    sink = Terminal(stream)
    names = [f"vm/web-{number}" for number in range(1, 13)]
    fed(sink, [StepStarted(name, "create", "start", "starting") for name in names])
    fed(sink, [StepProgress(name, "waits", queued=True) for name in names[:9]])
    wanted = (
        r"  vm/web-10 .*\n  vm/web-11 .*\n  vm/web-12 .*\n  vm/web-1 .*\n0 of 0 steps, .* s, 8 more under way"
    )
    wait_until(lambda: re.search(wanted, ANSI.sub("", stream.getvalue())))
    fed(sink, EVENTS[-1:])


def test_a_step_that_is_done_no_longer_stands_below_as_under_way(monkeypatch):
    """From its own line on, not only from rich's next refresh, which never comes here."""
    monkeypatch.setattr("labctl.report.terminal.REFRESH_HZ", 0.001)
    monkeypatch.setenv("TERM", "xterm")
    stream = Tty()
    sink = Terminal(stream)
    fed(sink, [StepStarted(f"disk/{vm}/root", "delete", "delete", "deleting") for vm in ("db", "web")])
    fed(sink, [Diagnostic("note", "both are under way")])
    fed(sink, [StepDone("disk/db/root", "delete", 0.2)])
    shown = ANSI.sub("", stream.getvalue())
    both, one = shown.partition("both are under way")[2].split("✓ disk/db/root deleted")
    assert re.search(r"disk/db/root .* deleting\s+disk/web/root .* deleting\s+0 of", both)
    assert re.search(r"^  0\.2 s\s+disk/web/root .* deleting\s+1 of", one)
    fed(sink, EVENTS[-1:])


def test_the_terminal_does_not_wait_for_itself(monkeypatch):
    """Rich draws from its own thread while events come from others."""
    monkeypatch.setattr("labctl.report.terminal.REFRESH_HZ", 2000)
    monkeypatch.setenv("TERM", "xterm")
    sink = Terminal(Tty(), verbose=True)
    begin, end = EVENTS[:4], EVENTS[4:]
    fed(sink, begin)
    note = Diagnostic("note", "x")
    threads = [threading.Thread(target=lambda: fed(sink, [note] * 300), daemon=True) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=60)
    assert not any(each.is_alive() for each in threads)
    fed(sink, end)


def test_a_second_plan_of_a_run_begins_on_a_clear_line_and_counts_its_own_steps(monkeypatch):
    """As when VMs go on once a snapshot is restored, or a stopped pool is started and the rest is asked for."""
    monkeypatch.setenv("TERM", "xterm")
    stream = Tty()
    sink = Terminal(stream)
    fed(sink, EVENTS[:7])
    seen = len(stream.getvalue())
    fed(sink, [PlanReady(sample())])
    began = ANSI.sub("", stream.getvalue()[seen:]).rpartition("lab shop on")[0]
    assert began.endswith(("\n", "\r")), "the live part is gone"
    fed(sink, [StepStarted("vm/db", "update", "start", "starting")])
    wait_until(lambda: "0 of 9 steps" in ANSI.sub("", stream.getvalue()[seen:]))
    fed(sink, EVENTS[-1:])
