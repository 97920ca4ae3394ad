"""Disks that snapshots need stay, and nothing else is made on them."""

import pytest

from labctl.app import held_disks
from labctl.core.lifecycle import State
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.engine.observe import Observed
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.snapshot.spec import Layer, SavedVm, SnapshotSpec
from labctl.kinds.vm.disks_and_nics import DiskUse
from labctl.kinds.vm.spec import VmSpec

DISK = DiskSpec("shop", "web/root")
OTHER = DiskSpec("shop", "web/data")
SNAPSHOT = SnapshotSpec(
    "shop", "s1", vms=(SavedVm("web", State.OFF, layers=(Layer("web/root", "/p/web.root"),)),)
)
VM = VmSpec("shop", "web", disks=(DiskUse("root", "/p/web.root", disk="web/root"),))


def by_address(*specs):
    return {spec.address: spec for spec in specs}


def obstacles(wanted, existing):
    return list(held_disks.obstacles(plan(wanted, existing), Observed(existing)))


def test_a_disk_stays_as_long_as_a_snapshot_that_needs_it():
    existing = by_address(DISK, OTHER, SNAPSHOT)
    assert held_disks.with_held_disks(by_address(SNAPSHOT), existing) == by_address(DISK, SNAPSHOT)
    assert held_disks.with_held_disks({}, existing) == {}


def test_a_vm_can_go_without_its_disk():
    assert obstacles(by_address(DISK, SNAPSHOT), by_address(VM, DISK, SNAPSHOT)) == []


@pytest.mark.parametrize(
    ("wanted", "existing"),
    [
        ((VM, DISK, SNAPSHOT), (DISK, SNAPSHOT)),
        ((DiskSpec("shop", "web/root", base="another.img"), SNAPSHOT), (DISK, SNAPSHOT)),
    ],
)
def test_nobody_writes_to_what_is_frozen(wanted, existing):
    (problem,) = obstacles(by_address(*wanted), by_address(*existing))
    assert str(problem).startswith("disk/web/root: the snapshot s1 needs it as it is")
    assert "`labctl snapshot delete s1`" in problem.hint


DATA = DiskUse("data", "/p/web.root", disk="web/root")


@pytest.mark.parametrize("had", [(), (DiskUse("data", "/srv/copy.qcow2"),)])
def test_a_disk_that_was_unplugged_is_not_plugged_in_again(had):
    """Its volume is frozen, and nothing shows any more in which layer it went on."""
    existing = by_address(replace(VM, disks=had), DISK, SNAPSHOT)
    (problem,) = obstacles(by_address(replace(VM, disks=(DATA,)), DISK, SNAPSHOT), existing)
    assert problem.path == "disk/web/root"


def test_a_disk_that_goes_on_in_a_layer_changes_its_vm_freely():
    layer = replace(
        DATA, source="/p/web.root._layer-00000001", below=("/p/web.root",), volume=("/p/web.root", "qcow2")
    )
    for had in ((), (replace(layer, volume=()),)):
        existing = by_address(replace(VM, disks=had), DISK, SNAPSHOT)
        assert obstacles(by_address(replace(VM, disks=(layer,), cpus=2), DISK, SNAPSHOT), existing) == []


def warnings(wanted, existing):
    return [str(each) for each in held_disks.warnings(plan(wanted, existing), Observed(existing))]


@pytest.mark.parametrize("left", [(), (replace(VM, disks=()),)])
def test_what_was_written_since_goes_with_the_vm_or_the_plug_and_that_is_told(left):
    existing = by_address(VM, DISK, SNAPSHOT)
    (told,) = warnings(by_address(*left, DISK, SNAPSHOT), existing)
    assert told.startswith(
        "disk/web/root: it stays for the snapshot s1, and what was written to it since is lost"
    )
    assert warnings({}, existing) == [], "nothing of it stays"
    assert warnings(by_address(replace(VM, cpus=2), DISK, SNAPSHOT), existing) == []


def test_all_of_it_may_go_together():
    assert obstacles({}, by_address(VM, DISK, SNAPSHOT)) == []


def test_one_that_cant_be_read_may_need_any_disk_of_a_vm():
    broken = SnapshotSpec("shop", "s1", problem="it can't be read")
    shared = DiskSpec("shop", "shared")
    existing = by_address(DISK, OTHER, shared, broken)
    assert held_disks.with_held_disks(by_address(broken), existing) == by_address(DISK, OTHER, broken)
    (problem,) = obstacles(by_address(VM, DISK, OTHER, shared, broken), existing)
    assert str(problem).startswith("disk/web/root: the snapshot s1 needs it as it is")
