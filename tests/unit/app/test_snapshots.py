"""What a snapshot takes, and what a restore wants."""

from types import SimpleNamespace

import pytest

from labctl.app import change, snapshots
from labctl.core import xmltree
from labctl.core.errors import Refused, UsageError
from labctl.core.lifecycle import State
from labctl.core.record import replace
from labctl.core.spec import of_kind
from labctl.kinds import addresses
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.network.xml import render
from labctl.kinds.snapshot.spec import Layer, SavedNetwork, SavedVm, SnapshotSpec
from labctl.kinds.vm import xml
from labctl.kinds.vm.filesystems import FilesystemUse
from labctl.kinds.vm.spec import VmSpec
from tests.composed import applied, specs

CONTENT = {
    "networks": {"front": {"subnet": "10.0.0.0/24"}},
    "volumes": {"shared": {"size": "1GiB"}},
    "vms": {
        "web": {"image": "debian-12", "networks": ["front"]},
        "db": {"image": "debian-12", "networks": ["front"], "state": "off"},
    },
}


BROKEN = SnapshotSpec("shop", "s9", problem="it can't be read")


@pytest.fixture
def existing():
    return applied(specs(CONTENT))


@pytest.fixture
def wanted(monkeypatch, existing):
    """A function that gives what a use case makes of what exists."""
    found = []

    def apply(_session, _verb, desired, _sink, _confirm, **_more):
        found.append(desired({}, dict(existing)))

    monkeypatch.setattr(change, "apply", apply)

    def of(use_case, **arguments):
        found.clear()
        use_case(SimpleNamespace(lab=SimpleNamespace(name="shop")), None, None, **arguments)
        (specs_wanted,) = found
        return specs_wanted

    return of


def taken(wanted, name="", message=""):
    (one,) = of_kind(wanted(snapshots.save, name=name, message=message).values(), SnapshotSpec)
    return one


def test_it_takes_all_vms_networks_seeds_and_volumes(wanted):
    one = taken(wanted, message="fine")
    assert (one.name, one.message) == ("s1", "fine")
    assert {vm.name: vm.state for vm in one.vms} == {"web": State.RUNNING, "db": State.OFF}
    assert [each.name for each in one.saved_networks] == ["front"]
    assert {each.volume for each in one.copies} == {"web.seed", "db.seed", "_volume.shared"}
    assert {each.copy for each in one.copies} >= {"_snapshot.s1.copy._volume.shared"}


def test_it_takes_the_variables_of_a_uefi_that_are_in_the_labs_pool(wanted, existing):
    address = addresses.vm("web")
    existing[address] = replace(existing[address], firmware="uefi")
    copies = {each.volume: each.copy for each in taken(wanted).copies}
    assert copies["web._nvram"] == "_snapshot.s1.copy.web._nvram"
    assert "db._nvram" not in copies


def test_the_next_free_name_is_taken(wanted, existing):
    existing |= {one.address: one for one in (SnapshotSpec("shop", "s1"), SnapshotSpec("shop", "s3"))}
    names = {
        each.name for each in of_kind(wanted(snapshots.save, name="", message="").values(), SnapshotSpec)
    }
    assert names == {"s1", "s2", "s3"}


@pytest.mark.parametrize("name", ["-x", "S1", "a.b", "a/b", "a" * 32])
def test_a_name_is_one_of_a_volume(wanted, name):
    with pytest.raises(UsageError, match="no name for a snapshot"):
        taken(wanted, name)


def test_a_name_that_is_taken_and_a_long_message_are_refused(wanted, existing):
    existing[addresses.snapshot("s1")] = SnapshotSpec("shop", "s1")
    with pytest.raises(UsageError, match="there is a snapshot s1 already"):
        wanted(snapshots.save, name="s1", message="")
    with pytest.raises(UsageError, match="longer than"):
        wanted(snapshots.save, name="s2", message="x" * 501)


def test_a_lab_without_vms_has_nothing_to_save(wanted, existing):
    existing.clear()
    with pytest.raises(UsageError, match="no VM to save"):
        taken(wanted)


@pytest.mark.parametrize(
    ("change_of_vm", "reason", "hint"),
    [
        ({"state": State.SAVED}, "it is suspended to disk", "`labctl resume`"),
        ({"state": State.CRASHED}, "crashed", "`labctl up`"),
        (
            {"unsavable": ("the 9p folder /srv",), "filesystems": (FilesystemUse("labctl-1", "/srv"),)},
            "the 9p folder /srv",
            "rsync",
        ),
        ({"unsavable": ("the host's usb device",)}, "the host's usb device", "`labctl halt web`"),
        ({"firmware": "uefi", "nvram": ""}, "UEFI", "copy shop.web_VARS.fd"),
        ({"firmware": "uefi", "nvram": "/of/libvirt/web.fd"}, "UEFI", "copy /of/libvirt/web.fd to"),
        ({"tpm": True}, "TPM", "without `tpm`"),
    ],
)
def test_what_cant_be_saved_is_refused_while_it_is_planned(wanted, existing, change_of_vm, reason, hint):
    address = addresses.vm("web")
    existing[address] = replace(existing[address], **change_of_vm)
    with pytest.raises(Refused, match=f"vm/web: it can't be saved: .*{reason}") as refused:
        taken(wanted)
    (problem,) = refused.value.problems
    assert hint in problem.hint
    assert ("rsync" in problem.hint) == ("filesystems" in change_of_vm)


def test_a_folder_does_not_stand_in_the_way_of_a_vm_that_is_off(wanted, existing):
    address = addresses.vm("db")
    existing[address] = replace(existing[address], unsavable=("the 9p folder /srv",))
    assert taken(wanted).name == "s1"


def as_taken(existing):
    network = existing[addresses.network("front")]
    saved = SavedNetwork("front", definition=text(network))
    return SnapshotSpec("shop", "s1", vms=(SavedVm("web", State.RUNNING),), saved_networks=(saved,))


def text(network):
    return xmltree.to_text(render(network))


def test_a_restore_wants_the_networks_as_they_were_and_nothing_newer(wanted, existing):
    one = as_taken(existing)
    newer = NetworkSpec("shop", "side", "nat")
    existing |= {one.address: one, newer.address: newer}
    found = wanted(snapshots.restore, name="s1")
    assert found[one.address].restored
    assert set(of_kind(found.values(), NetworkSpec)) == {existing[addresses.network("front")]}
    assert {vm.name for vm in of_kind(found.values(), VmSpec)} == {"web"}
    assert addresses.disk("db/root") not in found
    assert addresses.seed("db") not in found
    assert addresses.disk("shared") in found


def test_a_restore_counts_the_memory_that_comes_back_and_what_the_vms_give_back(wanted, existing):
    """Web runs with 1 GiB now and comes back with 3; db comes back from its memory, and side was off."""

    def saved(vm, memory="memory"):
        return SavedVm(vm.name, State.RUNNING, definition=xmltree.to_text(xml.render(vm)), memory=memory)

    web, db = (existing[addresses.vm(name)] for name in ("web", "db"))
    had = replace(web, memory=3 << 30, max_memory=3 << 30)
    taken_then = (saved(had), saved(replace(db, state=State.RUNNING)), saved(replace(db, name="side"), ""))
    one = SnapshotSpec("shop", "s1", vms=taken_then)
    existing |= {one.address: one}
    found = wanted(snapshots.restore, name="s1")[one.address]
    assert found.memory_growth(one) == (3 << 30) + db.memory - web.memory
    assert one.memory_growth(None) == 0


def test_a_snapshot_that_is_not_there_is_told_with_the_nearest(wanted, existing):
    existing[addresses.snapshot("before")] = SnapshotSpec("shop", "before")
    with pytest.raises(UsageError, match="no snapshot is called befor") as error:
        wanted(snapshots.restore, name="befor")
    assert "before" in error.value.hint


def test_delete_and_prune_take_these_and_leave_the_newest(wanted, existing):
    for name, moment in (("a", "2026-01-01"), ("b", "2026-01-03"), ("c", "2026-01-02")):
        existing[addresses.snapshot(name)] = SnapshotSpec("shop", name, taken=moment)

    def left(use_case, **arguments):
        return {each.name for each in of_kind(wanted(use_case, **arguments).values(), SnapshotSpec)}

    assert left(snapshots.delete, names=("a", "c")) == {"b"}
    assert left(snapshots.prune, keep=1) == {"b"}
    assert left(snapshots.prune, keep=2) == {"b", "c"}
    assert left(snapshots.prune, keep=0) == set()


def test_of_two_in_one_second_the_one_on_top_is_the_newer(wanted, existing):
    for name, below in (("b", ()), ("a", ("b",))):
        existing[addresses.snapshot(name)] = SnapshotSpec("shop", name, taken="2026-01-01", ancestors=below)
    for _ in range(2):
        left = wanted(snapshots.prune, keep=1)
        assert [each.name for each in of_kind(left.values(), SnapshotSpec)] == ["a"]
        existing[addresses.snapshot("b")] = existing.pop(addresses.snapshot("b"))


def test_fewer_than_none_do_not_stay(wanted):
    with pytest.raises(UsageError, match="-1 snapshots can't stay"):
        wanted(snapshots.prune, keep=-1)


def test_a_lab_stands_on_the_snapshots_whose_layers_are_below_all_its_disks(existing):
    address = addresses.vm("web")
    uses = tuple(replace(use, below=("/p/web.root.2", "/p/web.root.1")) for use in existing[address].disks)
    existing[address] = replace(existing[address], disks=uses)

    def one(name, layer, *below):
        vm = SavedVm("web", State.OFF, layers=(Layer("web/root", layer),))
        return SnapshotSpec("shop", name, vms=(vm,), ancestors=below)

    snapshots_there = [
        one("a", "/p/web.root.1"),
        one("b", "/p/web.root.2", "a"),
        one("c", "/p/web.root.3", "a"),
    ]
    assert snapshots.stands_on([*existing.values(), *snapshots_there]) == ["b", "a"]


def test_one_that_cant_be_read_is_not_restored_nor_pruned_but_can_be_deleted(wanted, existing):
    existing |= {BROKEN.address: BROKEN}
    with pytest.raises(Refused, match="snapshot/s9: it can't be read") as error:
        wanted(snapshots.restore, name="s9")
    assert "`labctl snapshot delete s9`" in error.value.problems[0].hint
    assert BROKEN in wanted(snapshots.prune, keep=0).values()
    assert BROKEN not in wanted(snapshots.delete, names=("s9",)).values()
    with pytest.raises(UsageError, match="there is a snapshot s9 already"):
        taken(wanted, "s9")
