"""When PID 1 of a user's own libvirt may end."""

import os
import shutil

import pytest

from labctl.host.rootless import init
from labctl.host.rootless.state import State


@pytest.fixture
def state(tmp_path):
    made = State(tmp_path / "rootless")
    made.make()
    return made


def test_a_lock_is_known_to_be_deleted_and_not_to_be_moved(state):
    used = state.open_lock("used.lock")
    assert not init.deleted(used)
    moved = state.folder.rename(state.folder.with_name("moved"))
    assert not init.deleted(used)
    shutil.rmtree(moved)
    assert init.deleted(used)
    os.close(used)
    assert not init.deleted(used)


def test_what_ended_is_reaped_and_named():
    child = os.fork()
    if child == 0:
        os._exit(0)
    found = set()  # other tests may have left children
    while child not in found:
        found |= init.reaped()
    assert child not in init.reaped()
