"""Several sinks of one stream of events."""

import threading

import pytest

from labctl.core.events import (
    Diagnostic,
    Ending,
    Finished,
    PlanReady,
    StepDone,
    StepOutput,
    StepProgress,
    StepStarted,
)
from labctl.core.plan import Plan
from labctl.core.stream import EventStream

PLAN = PlanReady(Plan("shop", "test:///"))
STARTED = StepStarted("image/a", "create", "fetch", "fetching")
HALF, MORE = StepProgress("image/a", "downloading", 50, 100), StepProgress("image/a", "downloading", 70, 100)
DONE = StepDone("image/a", "create", 1.0)


def test_all_sinks_get_each_event():
    one, other = [], []
    stream = EventStream([one.append])
    stream.join(other.append)
    stream(PLAN)
    stream(STARTED)
    assert one == other == [PLAN, STARTED]


def test_a_late_sink_gets_the_run_so_far_with_the_latest_progress():
    stream = EventStream()
    for event in (PLAN, STARTED, HALF, MORE):
        stream(event)
    late = []
    stream.join(late.append)
    stream(DONE)
    assert late == [PLAN, STARTED, MORE, DONE]


def test_a_step_that_is_done_has_no_progress_any_more():
    stream = EventStream()
    for event in (PLAN, STARTED, HALF, DONE):
        stream(event)
    assert stream.so_far == (PLAN, STARTED, DONE)


def test_a_late_sink_gets_nothing_of_the_run_before():
    stream, end = EventStream(), Finished(Ending.DONE)
    for event in (PLAN, STARTED, HALF, end):
        stream(event)
    assert stream.so_far == (PLAN, STARTED, end), "what was under way is so no longer"
    stream(PLAN)
    assert stream.so_far == (PLAN,)


def test_a_sink_that_left_gets_nothing():
    told = []
    sink = told.append
    stream = EventStream([sink])
    stream.leave(sink)
    stream(PLAN)
    assert told == []


def test_a_sink_that_fails_harms_neither_the_run_nor_the_others():
    def broken(_event):
        raise BrokenPipeError

    told = []
    stream = EventStream([broken, told.append])
    stream(PLAN)
    stream(STARTED)
    assert told == [PLAN, STARTED]
    with pytest.raises(BrokenPipeError):
        stream.raise_broken()
    stream.raise_broken()  # it was told


def test_events_of_several_threads_come_one_at_a_time():
    inside, most = [0], [0]

    def sink(_event):
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        inside[0] -= 1

    stream = EventStream([sink])
    note = Diagnostic("note", "x")
    threads = [threading.Thread(target=lambda: [stream(note) for _ in range(300)]) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert most == [1]
    assert len(stream.so_far) == 1200


def test_output_is_passed_on_and_not_kept():
    now, late = [], []
    stream = EventStream([now.append])
    for event in (STARTED, StepOutput("provision/web/1", "web", "a line")):
        stream(event)
    stream.join(late.append)
    assert (len(now), late) == (2, [STARTED])
