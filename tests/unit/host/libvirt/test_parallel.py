"""Calls for several objects at once, and how many of them there are."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from labctl.host.libvirt.parallel import CallsInFlight
from tests.at_once import AtOnce


@pytest.fixture
def calls():
    return CallsInFlight(4)


def test_all_are_called_at_the_same_time(calls):
    meeting = threading.Barrier(4, timeout=10)
    calls.call(calls.each, range(4), lambda _one: meeting.wait())


def test_what_each_gives_comes_in_the_order_of_the_objects(calls):
    second_done = threading.Event()

    def work(one):
        if one == 0:
            second_done.wait(10)
        elif one == 1:
            second_done.set()
        return one * 10

    assert calls.call(calls.each, range(4), work) == [0, 10, 20, 30]


def test_an_error_of_one_keeps_no_other_from_its_call(calls):
    done = []

    def work(one):
        if one == 1:
            raise ValueError(one)
        done.append(one)

    with pytest.raises(ValueError, match="1"):
        calls.each(range(4), work)
    assert sorted(done) == [0, 2, 3]


def test_nothing_is_nothing(calls):
    calls.each([], pytest.fail)


def test_steps_that_each_work_on_several_objects_make_no_more_calls_together(calls):
    """They neither exceed what the connection takes, nor wait for one another for ever."""
    at_once, done = AtOnce(), []
    meeting = threading.Barrier(4, timeout=10)

    def work(one):
        with at_once:
            time.sleep(0.002)
        done.append(one)

    def step(_number):
        meeting.wait()  # all four are calls under way now
        calls.each(range(8), work)

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(lambda number: calls.call(step, number), range(4)))
    assert len(done) == 32
    assert at_once.most <= 4


def test_a_call_waits_until_helpers_have_ended(calls):
    """A step that works on several objects takes free calls, which no other step gets meanwhile."""
    helping, go, called = threading.Barrier(5, timeout=10), threading.Event(), threading.Event()

    def work(_one):
        helping.wait()
        go.wait(10)

    with ThreadPoolExecutor(2) as workers:
        step = workers.submit(calls.call, calls.each, range(4), work)
        helping.wait()
        other = workers.submit(calls.call, called.set)
        assert not called.wait(0.05)
        go.set()
        step.result(10)
        other.result(10)
    assert called.is_set()
