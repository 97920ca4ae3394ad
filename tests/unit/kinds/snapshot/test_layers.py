"""The layers of disks in a domain's XML and in the lab's pool."""

from xml.etree import ElementTree as ET

import pytest

from labctl.core import identity
from labctl.core.lifecycle import State
from labctl.core.record import replace
from labctl.host.libvirt.volumes import Facts
from labctl.kinds.snapshot import layers
from labctl.kinds.snapshot.spec import Layer, SavedVm, SnapshotSpec
from tests.unit.kinds.snapshot.conftest import POOL

DOMAIN = f"""<domain><devices>
<disk><driver name='qemu' type='qcow2'/><source file='{POOL}/web.root._layer-00000001'/>
  <backingStore><source file='{POOL}/web.root'/></backingStore><target dev='vda'/><alias name='ua-disk-root'/></disk>
<disk><driver name='qemu' type='raw'/><source file='{POOL}/_volume.shared'/><target dev='vdb'/>
  <alias name='ua-disk-shared'/></disk>
<disk><driver name='qemu' type='raw'/><source file='{POOL}/web.seed'/><target dev='vdc'/><readonly/>
  <alias name='ua-disk-seed'/></disk>
</devices></domain>"""
TOP = f"{POOL}/web.root._layer-00000001"


def test_the_vms_own_disks_have_layers():
    assert layers.of_domain(ET.fromstring(DOMAIN), "web") == (Layer("web/root", TOP, "qcow2"),)


def test_libvirt_is_asked_for_these_and_for_no_others():
    asked = ET.fromstring(layers.request(ET.fromstring(DOMAIN), "s1", {TOP: "/new"}, "/memory"))
    assert asked.find("memory").attrib == {"snapshot": "external", "file": "/memory"}
    kinds = {disk.get("name"): disk.get("snapshot") for disk in asked.iterfind("disks/disk")}
    assert kinds == {"vda": "external", "vdb": "no", "vdc": "no"}
    assert asked.find("disks/disk/source").get("file") == "/new"


def test_a_vm_that_is_off_has_no_memory():
    asked = ET.fromstring(layers.request(ET.fromstring(DOMAIN), "s1", {TOP: "/new"}, ""))
    assert asked.find("memory").attrib == {"snapshot": "no"}


def test_a_disk_of_somebody_else_is_strange_if_it_can_be_written_to():
    more = "<disk><source file='/x'/><target dev='sda'/>{}</disk></devices>"
    assert layers.strange_disks(ET.fromstring(DOMAIN)) == []
    assert layers.strange_disks(ET.fromstring(DOMAIN.replace("</devices>", more.format("")))) == ["sda"]
    assert layers.strange_disks(ET.fromstring(DOMAIN.replace("</devices>", more.format("<readonly/>")))) == []


def facts(name, backing=None):
    return Facts(name, f"{POOL}/{name}", backing=f"{POOL}/{backing}" if backing else None)


def test_what_nothing_reaches_is_not_needed():
    there = [
        facts("web.root"),
        facts("web.root._layer-00000001", "web.root"),
        facts("web.root._layer-00000002", "web.root._layer-00000001"),
        facts("web.root._layer-00000003", "web.root"),
        facts("gone.root._layer-00000004", "gone.root"),
        facts("web.root.e1", "web.root"),
    ]
    top = [f"{POOL}/web.root._layer-00000002"]
    assert list(layers.unneeded(there, top, top)) == ["web.root._layer-00000003"], (
        "neither what others made nor layers of VMs that are not defined"
    )
    base = [f"{POOL}/web.root"]
    assert set(layers.unneeded(there, base, base)) == {f"web.root._layer-0000000{n}" for n in (1, 2, 3)}


def test_what_an_overlay_of_somebody_else_stands_on_stays():
    there = [
        facts("web.root"),
        facts("web.root._layer-00000001", "web.root"),
        facts("mine", "web.root._layer-00000001"),
    ]
    assert list(layers.unneeded(there, [f"{POOL}/web.root"], [f"{POOL}/web.root"])) == []


@pytest.mark.parametrize("used", [[], [f"{POOL}/web.root"], ["/elsewhere/web.data.e1", f"{POOL}/web.root"]])
def test_of_a_disk_that_no_vm_shows_all_layers_stay(used):
    """It was unplugged, or goes on in an overlay of somebody else, of which nothing shows what it stands on."""
    there = [facts("web.data"), facts("web.data._layer-00000001", "web.data"), facts("web.root")]
    assert list(layers.unneeded(there, [*used, f"{POOL}/web.data"], used)) == []


def test_a_layers_name_is_a_new_one_each_time_and_known_again():
    names = {identity.layer_name("web/root") for _ in range(3)}
    assert len(names) == 3
    assert all(identity.is_layer(f"{POOL}/{name}") for name in names)
    assert {identity.disk_of_layer(f"{POOL}/{name}") for name in names} == {"web/root"}
    assert identity.disk_of_layer(f"{POOL}/web.root") == "web/root"
    assert identity.disk_of_layer(f"{POOL}/web.root.e1") is None
    assert not any(
        map(identity.is_layer, ("web.root", "web.root.e1", "web.console.1", "a.b.c._layer-00000001"))
    )


@pytest.mark.parametrize("snapshot", ["20261127", "deadbeef", "1732665600"])
def test_what_virsh_puts_on_a_layer_is_not_labctls(snapshot):
    """Libvirt names the file of an external snapshot after the one below it, up to the last dot, and the snapshot."""
    theirs = f"{identity.layer_name('web/root').rpartition('.')[0]}.{snapshot}"
    assert not identity.is_layer(f"{POOL}/{theirs}")
    assert identity.disk_of_layer(f"{POOL}/{theirs}") is None
    there = [facts("web.root"), facts(theirs, "web.root")]
    assert list(layers.unneeded(there, [], {"web"})) == []


def test_a_file_that_stands_on_another_one_by_now_is_told():
    chain = Layer("web/root", f"{POOL}/web.root.00000001", below=(f"{POOL}/web.root", "/store/x.img"))
    snapshot = SnapshotSpec("shop", "s1", vms=(SavedVm("web", State.OFF, layers=(chain,)),))
    top, root = facts("web.root.00000001", "web.root"), replace(facts("web.root"), backing="/store/x.img")
    assert list(layers.rebased([top, root], snapshot)) == []
    other = replace(root, backing="/store/y.img")
    assert list(layers.rebased([top, other], snapshot)) == [(root.path, "/store/x.img", "/store/y.img")]
    assert list(layers.rebased([top], snapshot)) == [], "what is missing is told as such"
