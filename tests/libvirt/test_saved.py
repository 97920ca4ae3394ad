"""A VM whose memory libvirt has saved, for labctl or for somebody else (`virsh managedsave`)."""

from functools import partial
from xml.etree import ElementTree as ET

import pytest

from labctl.app import change, listing
from labctl.app.status import status
from labctl.core.errors import Rejected
from labctl.core.events import Ending
from labctl.core.lifecycle import State
from labctl.core.plan import Action
from tests import schemas


@pytest.fixture
def saved(world):
    """The lab of two webs and a db, whose memory is saved."""
    assert world.run() == 0
    world.domain("db").managedSave()
    return world


def step(world, address="vm/db"):
    return next(each for each in world.plan().steps if str(each.address) == address)


def state(world, name="db"):
    return next(row.state for row in status(world.session()).rows if row.name == name)


def test_it_is_told_as_saved(saved):
    told = status(saved.session())
    schemas.fits(told.to_json(), "status")
    assert {row.name: row.state for row in told.rows} == {
        "db": State.SAVED,
        "web-1": State.RUNNING,
        "web-2": State.RUNNING,
    }
    assert [lab.running for lab in listing.labs(saved.host)] == [2]


@pytest.mark.parametrize("verb", [change.up, change.resume])
def test_it_goes_on_from_there(saved, verb):
    assert not step(saved).destructive
    assert saved.run(verb) == 0
    assert state(saved) == State.RUNNING
    assert not saved.domain("db").hasManagedSaveImage()
    assert not saved.plan()
    assert {each.verb for each in saved.events if type(each).__name__ == "StepStarted"} == {
        "release", "update", "restore",
    }  # fmt: skip


def test_suspend_leaves_it(saved):
    assert saved.run(change.suspend) == 0
    assert state(saved) == State.SAVED


def test_halt_discards_its_memory_when_it_was_asked(saved):
    asked = []
    finished = change.halt(saved.session(), (), lambda _event: None, asked.append)
    assert finished.ending is Ending.DECLINED
    (plan,) = asked
    lost = {str(each.address): each.loss for each in plan.steps if each.destructive}
    assert lost == {"vm/db": "its saved memory, which `labctl resume` would bring back"}
    assert state(saved) == State.SAVED
    assert state(saved, "web-1") == State.RUNNING
    assert saved.run(change.halt) == 0
    assert state(saved) == State.OFF
    assert saved.run(change.halt) == 0


def test_other_devices_cost_its_memory_and_that_is_told(saved):
    """Libvirt would go on with the devices that it was saved with, whatever its definition says."""
    saved.edit("db: {networks: [back]", "db: {networks: [back, front]")
    made = step(saved)
    assert (made.action, made.destructive) == (Action.RESTART, True)
    assert saved.run() == 0, saved.failures()
    assert saved.domain("db").isActive()
    assert not saved.plan(), str(saved.plan())


def test_a_setting_that_is_no_device_s_costs_nothing(saved):
    saved.edit("db: {networks", "db: {autostart: true, networks")
    assert (step(saved).action, step(saved).destructive) == (Action.UPDATE, False)
    assert saved.run() == 0
    assert (state(saved), saved.domain("db").autostart()) == (State.RUNNING, 1)
    assert not saved.plan()


def test_reload_boots_it(saved):
    assert saved.run(change.reload, "db") == 0
    assert state(saved) == State.RUNNING
    assert "discard" in {each.verb for each in saved.events if type(each).__name__ == "StepStarted"}
    assert not saved.plan()


def test_destroy_removes_its_memory_too(saved):
    assert saved.run(change.destroy) == 0
    assert saved.everything() == set()


def test_suspended_to_disk_are_all_that_run(world):
    assert world.run() == 0
    world.domain("web-1").suspend()
    world.domain("web-2").destroy()
    assert world.run(partial(change.suspend, disk=True)) == 0, world.failures()
    assert {name: state(world, name) for name in ("db", "web-1", "web-2")} == {
        "db": State.SAVED,
        "web-1": State.SAVED,
        "web-2": State.OFF,
    }
    assert {each.verb for each in world.events if type(each).__name__ == "StepStarted"} == {
        "release", "update", "save",
    }  # fmt: skip
    assert world.run(change.resume) == 0
    assert {name: state(world, name) for name in ("db", "web-1", "web-2")} == {
        "db": State.RUNNING,
        "web-1": State.RUNNING,
        "web-2": State.OFF,
    }


def test_what_can_t_be_saved_is_refused_before_anything_is(world):
    def share(root):
        folder = "<filesystem type='mount'><source dir='/srv'/><target dir='share'/></filesystem>"
        root.find("devices").append(ET.fromstring(folder))

    assert world.run() == 0
    world.domain("db").destroy()
    world.redefine("db", share)
    world.domain("db").create()
    with pytest.raises(Rejected, match="vm/db: its memory can't be saved with the 9p folder /srv"):
        world.run(partial(change.suspend, disk=True))
    assert {state(world, name) for name in ("db", "web-1", "web-2")} == {State.RUNNING}
    assert world.run(partial(change.suspend, disk=True), "web-1") == 0
    assert state(world, "web-1") == State.SAVED


def test_resume_starts_the_networks_that_a_reboot_has_stopped(saved):
    saved.host.virt.networkLookupByName("shop.back").destroy()
    assert saved.run(change.resume) == 0, saved.failures()
    assert saved.host.virt.networkLookupByName("shop.back").isActive()
    assert state(saved) == State.RUNNING


def test_a_vm_of_an_earlier_labctl_has_no_generation_and_is_as_wanted(world):
    assert world.run() == 0
    assert "<genid>" in world.domain("db").XMLDesc()
    world.redefine("db", lambda root: root.remove(root.find("genid")))
    assert not world.plan()
