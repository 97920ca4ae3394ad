"""Changes settle: on a clock that stands still until it is moved."""

import pytest

from labctl.core.settling import LONGEST_S, QUIET_S, Settling


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_without_changes_there_is_nothing_to_wait_for(clock):
    settling = Settling(clock)
    assert (settling.left(), settling.take()) == (None, ())


def test_each_change_begins_the_wait_anew(clock):
    settling = Settling(clock)
    settling.add("a")
    clock.now += QUIET_S / 2
    settling.add("b")
    assert settling.left() == pytest.approx(QUIET_S)
    clock.now += QUIET_S
    assert settling.left() == 0


def test_what_changes_for_ever_is_not_waited_for_for_ever(clock):
    settling = Settling(clock)
    end = clock.now + LONGEST_S
    while settling.left() != 0:
        settling.add("a")
        clock.now += QUIET_S / 2
    assert clock.now == pytest.approx(end, abs=QUIET_S)


def test_what_changed_is_told_once_and_then_settled(clock):
    settling = Settling(clock)
    for each in ("b", "a", "b"):
        settling.add(each)
    assert (settling.take(), settling.left(), settling.take()) == (("b", "a"), None, ())
