"""Whose a volume of the lab's pool is."""

import pytest

from labctl.host.libvirt import stored
from labctl.host.libvirt.volumes import Facts
from labctl.kinds.vm.disks_and_nics import DiskUse
from labctl.kinds.vm.spec import VmSpec

POOL, STORE = "/images/labctl-shop", "/images/labctl-images"
IMAGE = f"{STORE}/sha256-aa.img"


def facts(name: str, backing: str | None = None, **more) -> Facts:
    return Facts(name, f"{POOL}/{name}", 1 << 20, 0, more.pop("format", "qcow2"), backing, **more)


def sort(*there: Facts, known=("web.root",), above=()) -> stored.Stored:
    return stored.sort(there, known, STORE, dict(above))


@pytest.mark.parametrize("name", ["web.root", "_volume.shared", "left.root"])
def test_disks_are_known_by_name_and_a_root_disk_that_was_left_by_its_image(name):
    found = sort(facts(name, IMAGE))
    assert (len(found.disks), found.strangers) == (1, ())


@pytest.mark.parametrize("name", ["backup.qcow2", "notes", "a.b.c", "left.data", "left.root", "other.seed"])
def test_anything_else_is_a_strangers_whatever_its_name(name):
    found = sort(facts("web.root"), facts(name))
    assert (set(found.disks), found.strangers) == ({"web/root"}, (name,))


def test_seeds_and_logs_go_with_the_vms_that_are_known():
    found = sort(facts("web.root"), facts("web.seed"), facts("web.console"), facts("web.golden"))
    assert (found.seeds, found.strangers) == (("web",), ())
    assert set(found.disks) == {"web/root", "web/golden"}, "what a killed run left is removed as a disk"
    assert {"web.seed", "web.console"} <= set(found.beside)


def test_variables_of_uefi_go_with_the_vms_that_are_known_whatever_a_guest_wrote_to_them():
    found = sort(facts("web.root", IMAGE), facts("web._nvram", f"{POOL}/web.root"), facts("other._nvram"))
    assert "web._nvram" in found.beside
    assert (set(found.disks), found.overlays, found.strangers) == ({"web/root"}, {}, ("other._nvram",))


def test_rotated_logs_go_with_the_vms_that_are_known():
    names = [f"web.console.{number}" for number in (0, 1, 12)]
    found = sort(facts("web.root"), *map(facts, names), facts("other.console.0"), facts("web.console.x"))
    assert set(names) <= set(found.beside)
    assert (set(found.disks), found.strangers) == ({"web/root"}, ("other.console.0", "web.console.x"))


def test_kernels_are_the_labs_and_a_name_that_is_only_similar_is_a_strangers():
    key = f"sha256-{'ab' * 32}"
    own = [facts(f"{key}.{part}", format="raw") for part in ("img", "ok", "seen")]
    found = sort(*own, facts(f"{key}.qcow2"), facts("sha256-ab.img"))
    assert {each.name for each in own} <= set(found.beside)
    assert (found.disks, found.seeds) == ({}, ())
    assert found.strangers == ("sha256-ab.img", f"{key}.qcow2")


def test_overlays_are_told_with_the_disk_that_they_stand_on_in_the_end():
    found = sort(
        facts("web.root", IMAGE), facts("web.e1", f"{POOL}/web.root"), facts("x.qcow2", f"{POOL}/web.e1")
    )
    assert found.overlays == {"web/root": ("web.e1", "x.qcow2")}
    assert (set(found.disks), found.strangers) == ({"web/root"}, ())


def test_so_are_those_that_only_a_vm_tells_of():
    """As where a file elsewhere lies between them."""
    found = sort(
        facts("web.root"), facts("web.e2", "/srv/e1"), above={"web/root": (f"{POOL}/web.e2", "/srv/e1")}
    )
    assert (found.overlays, found.strangers) == ({"web/root": ("web.e2",)}, ())


@pytest.mark.parametrize("name", ["web.seed", "web.console", "web.golden", "web.golden-flat", "web.data"])
def test_an_overlay_is_none_of_labctls_whatever_its_snapshot_was_called(name):
    """`virsh snapshot-create-as shop.web seed --disk-only` names it so: it holds what the guest wrote since."""
    found = sort(
        facts("web.root", IMAGE),
        facts(name, f"{POOL}/web.root"),
        known=("web.root", "web.data"),
        above={"web/root": (f"{POOL}/{name}",)},
    )
    assert (set(found.disks), found.seeds, found.strangers) == ({"web/root"}, (), ())
    assert found.overlays == {"web/root": (name,)}


@pytest.mark.parametrize("name", ["web.seed", "web.data"])
def test_nor_where_no_vm_tells_of_it_any_more(name):
    found = sort(facts("web.root", IMAGE), facts(name, f"{POOL}/web.root"), known=("web.root", "web.data"))
    assert (set(found.disks), found.seeds) == ({"web/root"}, ())
    assert found.overlays == {"web/root": (name,)}


def test_what_guests_wrote_to_a_raw_volume_makes_no_overlay_of_it():
    found = sort(facts("web.root", IMAGE), facts("_volume.shared", f"{POOL}/web.root"))
    assert (set(found.disks), found.overlays) == ({"web/root", "shared"}, {})


def test_a_circle_is_a_strangers():
    found = sort(facts("web.root"), facts("a", f"{POOL}/b"), facts("b", f"{POOL}/a"))
    assert found.strangers == ("a", "b")


def test_a_vm_tells_which_volumes_are_its_disks_and_what_lies_on_them():
    uses = (
        DiskUse("root", "/srv/top", "web/root", below=(f"{POOL}/web.e1", f"{POOL}/web.root", IMAGE)),
        DiskUse("data", f"{POOL}/_volume.data", "data"),
        DiskUse("seed", f"{POOL}/web.seed"),
    )
    vm = VmSpec("shop", "web", disks=uses)
    assert stored.had(vm.chains()) == {"web.root", "web.data", "_volume.data"}
    assert stored.above(vm.chains(), POOL) == {"web/root": ("/srv/top", f"{POOL}/web.e1")}


def test_parts_of_snapshots_are_the_labs_and_so_are_their_layers():
    """A copy of a raw volume may look like an overlay: a guest may write that header."""
    parts = [
        facts("_snapshot.s1.description"),
        facts("_snapshot.s1.memory.web"),
        facts("_snapshot.s1.copy._volume.shared", f"{POOL}/web.root"),
    ]
    found = sort(facts("web.root"), facts("web.root._layer-5f0c91d2", f"{POOL}/web.root"), *parts)
    assert found.strangers == ()
    assert found.overlays == {"web/root": ("web.root._layer-5f0c91d2",)}
    assert {each.name for each in parts} <= set(found.beside)


def test_a_mark_of_a_copy_is_the_labs_and_no_disk_whatever_it_stands_on():
    names = ("_copy._volume.shared", "_copy.web._nvram")
    found = sort(
        facts("web.root", IMAGE), facts(names[0], f"{STORE}/_warm.x"), facts(names[1], f"{POOL}/web.root")
    )
    assert {*names} <= {*found.beside}
    assert (set(found.disks), found.overlays, found.strangers) == ({"web/root"}, {}, ())
