"""When PID 1 of a user's own libvirt may end."""

import os
from pathlib import Path

import pytest

from labctl.host.rootless import init
from labctl.host.rootless.state import State, taken


@pytest.fixture
def state(tmp_path):
    made = State(tmp_path / "rootless")
    made.make()
    return made


def open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_it_stays_while_a_labctl_is_inside_however_often_it_looks(state):
    with state.using():
        before = open_files()
        assert not any(init.alone(state) for _ in range(5))
        assert open_files() == before


def test_nobody_gets_in_once_it_ends(state):
    assert init.alone(state)
    late = state.open_lock("used.lock")
    assert not taken(late)
    os.close(late)


def test_what_ended_is_reaped_and_named():
    child = os.fork()
    if child == 0:
        os._exit(0)
    found = set()  # other tests may have left children
    while child not in found:
        found |= init.reaped()
    assert child not in init.reaped()
