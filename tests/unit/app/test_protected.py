"""Protected VMs keep their data."""

from types import SimpleNamespace

import pytest

from labctl.app import protected
from labctl.core.lifecycle import State
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.engine.observe import Observed
from labctl.kinds import addresses
from labctl.kinds.snapshot.spec import SavedVm, SnapshotSpec
from tests.composed import applied, specs

CONTENT = {"vms": {"web": {"image": "none"}, "db": {"image": "none", "protect": True}}}
SNAPSHOT = SnapshotSpec("shop", "s1", taken="2026-11-26T12:03:09+00:00", vms=(SavedVm("web", State.OFF),))
DB, WEB = addresses.vm("db"), addresses.vm("web")


@pytest.fixture
def existing():
    return applied(specs(CONTENT)) | {SNAPSHOT.address: SNAPSHOT}


def obstacles(wanted, existing):
    session = SimpleNamespace(lab=SimpleNamespace(where=lambda *_: None))
    return {
        problem.path: problem.summary
        for problem in protected.obstacles(session, plan(wanted, existing), Observed(existing))
    }


@pytest.mark.parametrize(
    ("gone", "found"), [(DB, {"vm/db": "it is protected, and this would delete it"}), (WEB, {})]
)
def test_a_protected_vm_is_not_deleted(existing, gone, found):
    rest = {address: spec for address, spec in existing.items() if address != gone}
    assert obstacles(rest, existing) == found


def test_a_protected_vm_does_not_go_back_to_a_snapshot(existing):
    both = replace(SNAPSHOT, vms=(*SNAPSHOT.vms, SavedVm("db", State.OFF), SavedVm("gone", State.OFF)))
    for one, found in ((SNAPSHOT, []), (both, ["vm/db"])):
        there = existing | {one.address: one}
        lost = obstacles(there | {one.address: replace(one, restored=True)}, there)
        assert list(lost) == found
        assert all(
            "this would lose all that was done in the lab since 2026-11-26" in each for each in lost.values()
        )


def test_to_take_and_to_delete_a_snapshot_costs_no_vm_anything(existing):
    without = {address: spec for address, spec in existing.items() if address != SNAPSHOT.address}
    assert obstacles(existing, without) == obstacles(without, existing) == {}
