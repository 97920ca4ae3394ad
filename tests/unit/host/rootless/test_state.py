"""What is kept of a user's own libvirt, and who uses it."""

import errno
import fcntl
import os

import pytest

from labctl.core.errors import LabctlError
from labctl.host.machine import processes
from labctl.host.rootless import state as state_of
from labctl.host.rootless.state import Holder, taken


def test_the_folder_is_its_owners_alone(state):
    assert state.folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_depends_on_where_one_is_is_refused(monkeypatch):
    monkeypatch.setenv("LABCTL_DATA_DIR", "data")
    with pytest.raises(
        LabctlError, match="LABCTL_DATA_DIR is data, which depends on the folder that you are in"
    ):
        state_of.root()


def test_a_holder_counts_while_both_of_its_processes_live(state):
    assert state.holder() is None
    own = processes.identity(os.getpid())
    state.write_holder(Holder(own, own))
    assert state.holder() == Holder(own, own)
    gone = processes.Identity(own.pid, "1", own.boot)  # somebody else's PID by now
    for dead in (Holder(gone, own), Holder(own, gone)):
        state.write_holder(dead)
        assert state.holder() is None
        assert state.last_holder() == dead


@pytest.mark.parametrize("text", ["", "[]", '{"keeper": 1}', '{"keeper": {"pid": 1}, "init": {}}', "\udcff"])
def test_what_is_no_record_names_nobody(state, text):
    (state.folder / "holder.json").write_bytes(text.encode(errors="surrogateescape"))
    assert state.holder() is None


def test_it_does_not_end_while_one_uses_it(state):
    assert not state.used()
    with state.using(), state.using():
        assert state.used()
        alone = state.open_lock("used.lock")
        assert not taken(alone)
        os.close(alone)
    alone = state.open_lock("used.lock")
    assert taken(alone)
    os.close(alone)


def test_a_file_system_without_locks_is_told(state, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(LabctlError, match="can't lock it: No locks available") as error, state.using():
        pass
    assert "LABCTL_DATA_DIR" in error.value.hint
