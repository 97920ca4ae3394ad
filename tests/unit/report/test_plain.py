"""Plain lines, fed with recorded events."""

import io
import threading

import pytest

from labctl.core.events import (
    Diagnostic,
    Ending,
    Finished,
    PlanReady,
    StepDone,
    StepOutput,
    StepSkipped,
    StepStarted,
    VmStage,
)
from labctl.core.plan import Plan
from labctl.report.plain import Plain
from tests.unit.report.samples import EVENTS, fed, json_lines, state_changed, waited


def plain(events=EVENTS, **options) -> str:
    stream = io.StringIO()
    fed(Plain(stream, **options), events)
    return stream.getvalue()


@pytest.mark.parametrize(
    "options", [{}, {"quiet": True}, {"verbose": True}], ids=lambda each: "-".join(each) or "normal"
)
def test_plain(golden, options):
    golden(f"plain-{'-'.join(options) or 'normal'}.txt", plain(**options))


def test_an_empty_plan_is_one_line():
    events = [
        PlanReady(Plan("shop", "test:///", unchanged=3)),
        Finished(Ending.DONE, seconds=0.1),
    ]
    assert plain(events) == "nothing to do: 3 unchanged\n"


def test_a_refusal_says_only_that():
    assert plain([Finished(Ending.DECLINED, next="nothing was changed")]) == "nothing was changed\n"


def test_an_interruption_says_what_is_next():
    text = plain([Finished(Ending.INTERRUPTED, done=2, skipped=1, seconds=3.0, next="`labctl up` goes on")])
    assert text == "interrupted: 2 done, 1 not done after 3.0 s\n  next: `labctl up` goes on\n"


def test_what_was_begun_is_told_from_what_was_not():
    steps = [StepSkipped("vm/a", "create", "after the interruption", begun=True)]
    steps += [StepSkipped("vm/b", "create", "after the interruption")]
    assert plain(steps).splitlines() == [
        "vm/a: not finished, after the interruption",
        "vm/b: skipped, after the interruption",
    ]


def test_a_vm_that_only_changes_its_state_is_halted():
    """That it is asked to shut down is told: a guest that does not listen takes a minute."""
    steps = [StepStarted("vm/db", "update", "stop", "shutting down"), StepDone("vm/db", "update", 1.0)]
    text = plain([PlanReady(state_changed("running", "off")), *steps])
    assert text.splitlines()[-2:] == ["vm/db: shutting down", "vm/db: halted (1.0 s)"]


def test_a_vm_that_is_only_started_is_told_to_be_ready_last():
    steps = [VmStage("db", "started", 0.4), VmStage("db", "ready", 0.5), StepDone("vm/db", "update", 0.5)]
    text = plain([PlanReady(state_changed("off", "running")), *steps])
    assert text.splitlines()[-2:] == ["vm/db: started (0.4 s)", "vm/db: ready (0.5 s)"]


def test_a_vm_that_was_waited_for_is_told_to_be_ready_once():
    assert plain(waited()).splitlines()[-2:] == ["vm/db: booted (3.0 s)", "vm/db: ready (4.0 s)"]


@pytest.mark.parametrize("make", [Plain, json_lines])
def test_lines_of_several_threads_stay_whole(make):
    stream = io.StringIO()
    sink = make(stream)
    note = Diagnostic("warning", "x" * 200)
    threads = [threading.Thread(target=lambda: fed(sink, [note] * 200)) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    lines = [line for line in stream.getvalue().splitlines() if "Format" not in line]
    assert len(lines) == 800
    assert len(set(lines)) == 1


def test_output_has_the_vm_s_name_and_no_controls():
    events = [StepOutput("provision/web/1", "web", "\x1b[31mred")]
    assert plain(events) == "web | \\x1b[31mred\n"
    assert plain(events, quiet=True) == ""
