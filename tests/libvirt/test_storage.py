"""What others do to a lab's disks, on the real API."""

from xml.etree import ElementTree as ET

import pytest

from labctl.app import change, desired_state
from labctl.app.prepare import prepare
from labctl.app.status import status
from labctl.core.address import Address
from labctl.core.errors import Refused, Rejected
from labctl.core.events import Diagnostic
from labctl.core.identity import STORE
from labctl.host.libvirt import pools

LABFILE = """\
labfile: 1
name: shop
defaults: {image: none, memory: 64MiB, disk: 1MiB, cloud_init: false, state: "off"}
vms:
  db: {disks: [{name: data, size: 2MiB}]}
"""
VOLUME = """\
<volume><name>{}</name><capacity>{}</capacity><target><format type='qcow2'/></target>
<backingStore><path>{}</path><format type='qcow2'/></backingStore></volume>
"""


@pytest.fixture
def shop(world):
    """A lab that is up, and off."""
    world.text = LABFILE
    assert world.run() == 0, world.failures()
    return world


def pool(world):
    return world.host.virt.storagePoolLookupByName("labctl-shop")


def path(world, name):
    return pool(world).storageVolLookupByName(name).path()


def put_on(world, overlay, *below, disk="root"):
    """What virsh makes of a definition when it takes an external snapshot of a disk."""

    def edit(root):
        (element,) = (
            each
            for each in root.iterfind("devices/disk")
            if each.find("alias").get("name") == f"ua-disk-{disk}"
        )
        element.find("source").set("file", overlay)
        for each in below:
            element = ET.SubElement(element, "backingStore", type="file")
            ET.SubElement(element, "format", type="qcow2")
            ET.SubElement(element, "source", file=each)

    world.redefine("db", edit)


def source(world, disk="root"):
    root = ET.fromstring(world.domain("db").XMLDesc(2))
    for each in root.iterfind("devices/disk"):
        if each.find("alias").get("name") == f"ua-disk-{disk}":
            return each.find("source").get("file")
    return None


def told(world):
    return [event.summary for event in world.events if isinstance(event, Diagnostic)]


def overlay(world, name, below, capacity=1 << 20):
    pool(world).createXML(VOLUME.format(name, capacity, below))
    return path(world, name)


def test_up_leaves_a_disk_where_a_snapshot_put_it(shop):
    root = path(shop, "db.root")
    top = overlay(shop, "db.e1", root)
    put_on(shop, top, root)
    assert not shop.plan()
    shop.edit("db: {", "db: {cpus: 2, ")
    assert shop.run() == 0, shop.failures()
    assert source(shop) == top
    assert any(f"it continues in {top}" in text for text in told(shop))
    assert not shop.plan(), str(shop.plan())


def test_a_layer_of_labctls_own_is_nobodys_snapshot(shop):
    """And what a save left that was killed goes with the lab, though no snapshot names it."""
    root = path(shop, "db.root")
    top = overlay(shop, "db.root._layer-5f0c91d2", root)
    put_on(shop, top, root)
    overlay(shop, "_snapshot.s1.memory.db", "/x")
    assert not shop.plan()
    shop.edit("db: {", "db: {cpus: 2, ")
    assert shop.run() == 0, shop.failures()
    assert source(shop) == top
    (row,) = status(shop.session()).rows
    assert row.seen.moved == ()
    assert not [text for text in told(shop) if "5f0c91d2" in text or "_snapshot" in text]
    shop.run(change.destroy)
    assert not [text for text in told(shop) if "5f0c91d2" in text or "stays" in text]
    assert shop.everything() == set()


@pytest.mark.parametrize("name", ["seed", "golden", "console"])
def test_a_snapshot_may_be_called_as_what_labctl_makes(shop, name):
    root = path(shop, "db.root")
    top = overlay(shop, f"db.{name}", root)
    put_on(shop, top, root)
    assert shop.run() == 0, shop.failures()
    assert (source(shop), path(shop, f"db.{name}")) == (top, top)


def test_no_new_disk_takes_the_volume_of_an_overlay(shop):
    root = path(shop, "db.root")
    top = overlay(shop, "db.more", root)
    put_on(shop, top, root)
    shop.text = LABFILE.replace("2MiB}", "2MiB}, {name: more, size: 2MiB}")
    with pytest.raises(Rejected, match=r"db\.more, the name of its volume, is taken"):
        shop.run()
    assert (source(shop), path(shop, "db.more")) == (top, top)


def test_a_disk_is_as_large_as_the_overlay_that_it_goes_on_in(shop):
    root = path(shop, "db.root")
    put_on(shop, overlay(shop, "db.e1", root, 3 << 20), root)
    shop.edit("disk: 1MiB", "disk: 3MiB")
    assert not shop.plan(), str(shop.plan())
    shop.edit("disk: 3MiB", "disk: 4MiB")
    assert "~ size: 3MiB → 4MiB" in str(shop.plan())


def test_a_disk_is_taken_off_another_file_only_when_that_is_asked_for(shop):
    put_on(shop, "/srv/copy.qcow2")
    plan = shop.plan()
    assert plan.destructive
    assert [step.loss for step in plan.steps] == ["what is in /srv/copy.qcow2"]


def test_an_overlay_goes_with_its_disk(shop):
    data = path(shop, "db.data")
    put_on(shop, overlay(shop, "db.e1", data), data, disk="data")
    shop.edit("disks: [{name: data, size: 2MiB}]", "disks: []")
    assert shop.run() == 0, shop.failures()
    assert set(pool(shop).listVolumes()) == {"db.root"}
    assert any("deleted with it" in text and "db.e1" in text for text in told(shop))


def test_a_strangers_volume_stays(shop):
    overlay(shop, "backup.qcow2", "/srv/base")
    assert not shop.plan()
    shop.run(change.destroy)
    assert any(text.endswith("backup.qcow2") and "stays" in text for text in told(shop))
    assert shop.everything() == set()


def test_a_disk_that_another_domain_has_stays_with_it(shop):
    """As that of a VM whose metadata someone removed."""
    disk = f"<disk type='file'><source file='{path(shop, 'db.root')}'/><target dev='vda'/></disk>"
    shop.host.virt.defineXML(
        "<domain type='test'><name>other</name><memory>1024</memory><os><type>hvm</type></os>"
        f"<devices>{disk}</devices></domain>"
    )
    with pytest.raises(Refused, match="disk/db/root: the domain other, which the plan does not change"):
        shop.run(change.destroy)
    assert set(pool(shop).listVolumes()) == {"db.root", "db.data"}


def test_nobody_guesses_on_which_overlay_an_undefined_vm_went_on(shop):
    overlay(shop, "db.e1", path(shop, "db.root"))
    shop.domain("db").undefine()
    with pytest.raises(Rejected, match=r"db.e1 stands on it, and no VM shows any more"):
        shop.run()
    assert (
        Address("disk", "db/root")
        in prepare(shop.session(), desired_state.destroy(), include_labfile=False).observed.specs
    )


def test_nobody_guesses_on_which_overlay_an_unplugged_disk_went_on(shop):
    overlay(shop, "db.e1", path(shop, "db.data"))
    root = ET.fromstring(shop.domain("db").XMLDesc())
    devices, data = root.find("devices"), root.find("devices/disk/alias[@name='ua-disk-data']/..")
    devices.remove(data)
    shop.host.virt.defineXML(ET.tostring(root, encoding="unicode"))
    with pytest.raises(Rejected, match=r"disk/db/data: db.e1 stands on it, and no VM shows any more"):
        shop.run()


def test_status_leaves_stopped_pools_as_they_are(shop):
    store = pools.define(shop.host.virt, STORE, shop.folder / "store")
    for each in (store, pool(shop)):
        each.destroy()
    assert status(shop.session()).rows
    assert not store.isActive()
    assert not pool(shop).isActive()
