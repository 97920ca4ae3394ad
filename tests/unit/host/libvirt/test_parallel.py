"""Calls for several objects at once."""

import threading

import pytest

from labctl.host.libvirt import parallel


def test_all_are_called_at_the_same_time():
    meeting = threading.Barrier(3, timeout=10)
    parallel.each(range(3), lambda _one: meeting.wait())


def test_an_error_of_one_keeps_no_other_from_its_call():
    done = []

    def work(one):
        if one == 1:
            raise ValueError(one)
        done.append(one)

    with pytest.raises(ValueError, match="1"):
        parallel.each(range(4), work)
    assert sorted(done) == [0, 2, 3]


def test_nothing_is_nothing():
    parallel.each([], pytest.fail)
