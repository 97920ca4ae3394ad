"""What happens to a lab while a snapshot of it is taken or restored."""

import libvirt
import pytest

import labctl.kinds.snapshot.restore as restoring
from labctl.core.errors import LabctlError
from labctl.core.events import Diagnostic
from labctl.core.lifecycle import State
from labctl.host.libvirt import volumes
from labctl.host.libvirt.domain_state import state_of
from labctl.kinds.snapshot import parts
from labctl.kinds.snapshot.driver import SnapshotDriver
from labctl.kinds.snapshot.spec import Copy, Layer, SavedVm, SnapshotSpec
from tests.libvirt.conftest import save_s1

ALLOCATED = """<volume><name>{0}</name><capacity unit='GiB'>{1}</capacity><allocation unit='GiB'>{1}</allocation>
<target><format type='raw'/></target></volume>"""


def saving(world, monkeypatch, happens):
    """The errors of a save for which something happens to db once the plan is made."""
    create = SnapshotDriver.create

    def later(*arguments):
        happens(world.domain("db"))
        create(*arguments)

    monkeypatch.setattr(SnapshotDriver, "create", later)
    assert world.run() == 0, world.failures()
    assert world.run(save_s1) == 1
    return [f"{failed.error} {failed.hint}" for failed in world.failures()]


@pytest.mark.parametrize(
    ("happens", "state"),
    [(lambda domain: domain.managedSave(), "saved"), (lambda domain: domain.destroy(), "off")],
)
def test_a_vm_whose_state_is_another_than_planned_is_not_saved(world, monkeypatch, happens, state):
    (told,) = saving(world, monkeypatch, happens)
    assert f"vm/db: it was running when the snapshot was planned, and is {state} now" in told
    assert state_of(world.domain("web-1")) is State.RUNNING


def test_an_error_of_the_cleaning_up_hides_no_other(world, monkeypatch):
    sweep, error = parts.sweep, libvirt.libvirtError("it is gone")

    def fail(*arguments):
        raise error

    def sweep_once(*arguments):
        sweep(*arguments)
        monkeypatch.setattr(parts, "sweep", fail)
        monkeypatch.setattr(libvirt.virDomain, "resume", fail)

    monkeypatch.setattr(parts, "sweep", sweep_once)
    (told,) = saving(world, monkeypatch, lambda _domain: None)
    assert "gone" not in told
    (warned,) = [event for event in world.events if isinstance(event, Diagnostic)]
    assert "it can't go on: it is gone" in warned.summary
    assert "`labctl resume`" in warned.hint


class Quiet:
    def progress(self, _text):
        pass


def test_a_transient_vm_is_defined_where_it_is_before_a_restore_ends_it(world, monkeypatch):
    """If the restore is killed then, the next start does not write to what is frozen."""
    assert world.run() == 0, world.failures()
    then = world.domain("db").XMLDesc()
    world.redefine("db", lambda root: root.find("devices/disk/source").set("file", "/now"))
    world.domain("db").destroy()
    now = world.domain("db").XMLDesc()
    world.domain("db").undefine()
    world.host.virt.createXML(now)
    monkeypatch.setattr(restoring, "_define", lambda *_arguments: 1 / 0)
    pool = world.host.virt.storagePoolLookupByName("labctl-shop")
    snapshot = SnapshotSpec("shop", "s1", vms=(SavedVm("db", State.OFF, definition=then),))
    with pytest.raises(ZeroDivisionError):
        restoring.restore(world.host.connection, pool, snapshot, Quiet())
    assert "/now" in world.domain("db").XMLDesc()


def test_a_restore_without_room_for_the_new_layers_touches_no_vm(world, monkeypatch):
    assert world.run() == 0, world.failures()
    pool = world.host.virt.storagePoolLookupByName("labctl-shop")
    before, create = volumes.names(pool), volumes.create
    frozen = (Layer(f"db/{name}", volumes.path(pool, f"db.{name}")) for name in ("root", "data"))
    vm = SavedVm("db", State.OFF, definition=world.domain("db").XMLDesc(), layers=tuple(frozen))
    snapshot = SnapshotSpec("shop", "s1", vms=(vm,))

    def full(pool, name, **options):
        if "db.data" in name:
            raise LabctlError("No space left on device")
        return create(pool, name, **options)

    monkeypatch.setattr(volumes, "create", full)
    with pytest.raises(LabctlError, match="No space left"):
        restoring.restore(world.host.connection, pool, snapshot, Quiet())
    assert state_of(world.domain("db")) is State.RUNNING
    assert volumes.names(pool) == before


def test_a_restore_without_room_for_copies_deletes_nothing(world):
    """The test driver's pools are of 100 GiB."""
    assert world.run() == 0, world.failures()
    pool = world.host.virt.storagePoolLookupByName("labctl-shop")
    pool.createXML(ALLOCATED.format("_volume.shared", 20))
    pool.createXML(ALLOCATED.format("_snapshot.s1.copy._volume.shared", 60))
    copied = (Copy("_volume.shared", "_snapshot.s1.copy._volume.shared"),)
    snapshot = SnapshotSpec("shop", "s1", copies=copied)
    with pytest.raises(LabctlError, match="its copies take 40GiB more, and 20GiB are free"):
        restoring.restore(world.host.connection, pool, snapshot, Quiet())
    assert "_volume.shared" in volumes.names(pool)
