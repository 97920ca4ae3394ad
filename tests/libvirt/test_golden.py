"""What an image is made of, on the real API. That a guest cleans its copy is for tests/e2e."""

import pytest

from labctl.app import change
from labctl.app.images import golden
from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.engine import overview
from labctl.host.libvirt import volumes


def making(world, monkeypatch, root):
    """Make an image of db, whose definition has this root disk, until labctl makes the overlay for it."""
    assert world.run(change.up) == 0, world.failures()
    assert world.run(change.halt, "db") == 0
    pool = world.host.virt.storagePoolLookupByName("labctl-shop")
    layer = volumes.create(pool, identity.layer_name("db/root"), capacity=1 << 20)
    world.redefine("db", lambda domain: root(domain.find("devices/disk"), layer))

    def found(_pool, _name, *, backing, **_others):
        raise LabctlError(f"it stands on {backing}")

    monkeypatch.setattr(volumes, "create", found)
    (db,) = (vm for vm in overview.look(world.session().hosts, "shop").vms if vm.name == "db")
    monkeypatch.setattr(golden, "_stopped_vm", lambda *_: db)  # it would have no cloud-init
    with pytest.raises(LabctlError) as caught:
        golden.make(world.session(), "db", "mine", world.events.append)
    return str(caught.value), layer


def test_it_is_the_file_that_the_guest_writes_to(world, monkeypatch):
    """A snapshot froze the file below."""
    told, layer = making(world, monkeypatch, lambda disk, layer: disk.find("source").set("file", layer))
    assert told == f"it stands on {(layer, 'qcow2')}"


def test_it_is_no_raw_file(world, monkeypatch):
    """Its guest may have written the header of a qcow2, which names any file of the host."""
    told, _ = making(world, monkeypatch, lambda disk, _layer: disk.find("driver").set("type", "raw"))
    assert told == "vm/db: its root disk is raw, of which labctl makes no image"
