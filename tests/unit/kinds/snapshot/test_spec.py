"""What a plan knows of a snapshot."""

import time

from labctl.core.operations import operations
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.pool.spec import PoolSpec
from labctl.kinds.snapshot.spec import SnapshotSpec
from labctl.kinds.vm.spec import VmSpec
from labctl.report.phrases import done_word


def by_address(*specs):
    return {spec.address: spec for spec in specs}


def test_a_restore_is_asked_for_and_comes_after_the_networks(snapshot):
    network = NetworkSpec("shop", "front", "nat")
    wanted = by_address(network, replace(snapshot, restored=True))
    made = plan(wanted, by_address(snapshot))
    assert made.destructive
    assert "~ snapshot/s1  (the lab goes back to it)" in str(made)
    (restore,) = [each for each in operations(made) if each.step.address.kind == "snapshot"]
    assert (restore.id, restore.needs) == ("restore snapshot/s1", ("create network/front",))
    assert restore.step.spec.done(restore.step.changes) == "restored"
    assert restore.step.loss == "all that was done in the lab since 2026-11-26 12:03"


def test_when_it_was_taken_is_told_in_local_time(snapshot, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1")
        time.tzset()
        told = snapshot.moment
    time.tzset()
    assert told == "2026-11-26 13:03"
    assert replace(snapshot, taken="").moment == ""
    assert replace(snapshot, taken="yesterday").moment == "yesterday"


def test_a_new_one_is_told_and_loses_nothing(snapshot):
    made = plan(by_address(snapshot), {})
    assert not made.destructive
    (step,) = made.steps
    assert [part.what for part in step.spec.brief()] == ["1 VM with memory, 1 VM that is off"]


def test_only_a_restore_is_told_as_such(snapshot):
    steps = [*plan(by_address(snapshot), {}).steps, *plan({}, by_address(snapshot)).steps]
    assert [done_word(step) for step in steps] == ["created", "deleted"]


def test_of_one_that_cant_be_read_a_plan_tells_why():
    broken = SnapshotSpec("shop", "s1", problem="it can't be read")
    (step,) = plan({}, by_address(broken)).steps
    assert [part.what for part in step.spec.brief()] == ["it can't be read"]


def test_it_goes_before_what_it_stands_on(snapshot):
    held = by_address(PoolSpec("shop", "/p"), DiskSpec("shop", "web/root"), VmSpec("shop", "web"), snapshot)
    needs = {each.id: each.needs for each in operations(plan({}, held))}
    for other in ("disk/web/root", "vm/web", "pool/shop"):
        assert "delete snapshot/s1" in needs[f"delete {other}"]


def test_layers_are_merged_only_once_it_is_gone(snapshot):
    """Before, that would write to what it keeps."""
    disk = DiskSpec("shop", "web/root", active_volume="web.root._layer-00000001")
    wanted = by_address(replace(disk, active_volume="web.root"))
    needs = {each.id: each.needs for each in operations(plan(wanted, by_address(disk, snapshot)))}
    assert needs["update disk/web/root"] == ("delete snapshot/s1",)
