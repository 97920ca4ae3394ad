"""What the driver of snapshots does again, and what it does where nothing is left to do."""

from types import SimpleNamespace

import pytest

from labctl.host.libvirt import pools
from labctl.kinds.snapshot import driver, parts


@pytest.fixture
def called(monkeypatch):
    """The names of what the driver calls, in order."""
    found = []
    for where, name in ((driver, "save"), (driver, "restore"), (parts, "delete"), (parts, "sweep")):
        monkeypatch.setattr(where, name, lambda *_arguments, name=name: found.append(name))
    return found


def made():
    host = SimpleNamespace(virt=None, connection=None, pool=lambda name: name)
    return driver.SnapshotDriver(host)


@pytest.mark.parametrize(("there", "calls"), [(False, ["save"]), (True, [])])
def test_a_snapshot_that_is_there_after_a_lost_answer_is_not_taken_again(
    snapshot, monkeypatch, called, there, calls
):
    monkeypatch.setattr(parts, "read", lambda *_arguments: snapshot if there else None)
    made().create(SimpleNamespace(wanted=snapshot), None)
    assert called == calls


@pytest.mark.parametrize(("pool", "calls"), [("labctl-shop", ["delete", "sweep"]), (None, [])])
def test_after_a_deletion_what_nothing_needs_is_swept_and_without_a_pool_nothing_is(
    snapshot, monkeypatch, called, pool, calls
):
    monkeypatch.setattr(pools, "find", lambda _virt, _name: pool)
    made().delete(SimpleNamespace(existing=snapshot), None)
    assert called == calls
