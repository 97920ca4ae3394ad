"""Locks: where they are, who has one, and who waits for it."""

import os
import warnings
from contextlib import ExitStack

import pytest

from labctl.core.errors import LabctlError, LabHeld
from labctl.host.machine import lock
from tests.waiting import opened


def test_without_a_session_the_locks_are_in_a_folder_of_ones_own(tmp_path, monkeypatch):
    """And nothing warns of it: most who run `su` or cron have none."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    monkeypatch.setattr(lock.tempfile, "gettempdir", lambda: str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lock.folder() == tmp_path / "labctl-54321"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert lock.folder() == tmp_path / "labctl"


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "folder", lambda: tmp_path / "labctl")


def test_who_has_a_lock_is_named_to_others(own_folder, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/usr/bin/labctl", "up", "--yes"])
    monkeypatch.setenv("SUDO_USER", "dana")
    with lock.held("lab shop"), pytest.raises(LabHeld) as caught, lock.held("lab shop"):
        pass
    assert str(caught.value) == (
        f"another labctl holds the lab shop: PID {os.getpid()} of dana, `labctl up --yes`"
    )
    with lock.held("lab shop"), lock.held("lab other"):
        pass


def test_who_waits_is_heard_again_and_again_and_gets_it_when_it_is_free(own_folder):
    heard = []
    with ExitStack() as first:
        first.enter_context(lock.held("lab shop"))

        def waiting():
            heard.append(1)
            if len(heard) == 3:
                first.close()

        with lock.held("lab shop", wait_s=60, waiting=waiting):
            assert len(heard) == 3


def test_what_waiting_raises_ends_the_wait(own_folder):
    def interrupted():
        raise KeyboardInterrupt

    with lock.held("lab shop"):
        with pytest.raises(KeyboardInterrupt), lock.held("lab shop", wait_s=60, waiting=interrupted):
            pass
        assert len(opened(lock.path("lab shop"))) == 1, "it left its descriptor open"


def test_a_lock_that_can_not_be_opened_is_told(own_folder):
    lock.folder().mkdir()
    lock.path("lab shop").symlink_to("/dev/null")
    with pytest.raises(LabctlError, match="can't use the lock"), lock.held("lab shop"):
        pass
