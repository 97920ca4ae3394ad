"""What the process outside gives to PID 1."""

import os

import pytest

from labctl.host.rootless import holder
from labctl.host.rootless.state import taken


@pytest.fixture
def first(tmp_path, monkeypatch):
    """A program that is PID 1 without a namespace: it says at once that it is ready, and does nothing."""
    program = tmp_path / "first"
    program.write_text("#!/bin/sh\necho ready >/proc/self/fd/$5\nexec sleep 100\n")
    program.chmod(0o755)
    monkeypatch.setattr(holder.sys, "executable", str(program))
    monkeypatch.setattr(holder, "UNSHARE", ())


def test_the_lock_is_kept_as_long_as_pid_1_is_there(state, first):
    """As where it outlives its holder, and another machine, which can't see it, has the same home."""
    held, other = state.open_lock("held.lock"), state.open_lock("held.lock")
    assert taken(held)
    world, answer = holder._begun(state, held, resolver=False)  # noqa: SLF001  # the rest is of a real world
    assert answer == "ready"
    os.close(held)
    assert not taken(other)
    world.kill()
    world.wait()
    assert taken(other)
    os.close(other)
