"""What keeps a VM's memory from being saved is known before anything is done."""

from xml.etree import ElementTree as ET

import pytest

from labctl.core.lifecycle import State
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.kinds.vm import xml
from labctl.kinds.vm.filesystems import NINEP, FilesystemUse
from labctl.kinds.vm.spec import VmSpec

WEB = VmSpec("shop", "web")
FOLDERS = (FilesystemUse("labctl-1", "/srv/live"), FilesystemUse("labctl-2", "/srv/nine", driver=NINEP))
DEVICES = (
    "<hostdev mode='subsystem' type='usb'/>",
    "<interface type='hostdev'><mac address='52:54:00:00:00:09'/></interface>",
)


def read(vm, *devices):
    root = xml.render(vm)
    root.find("devices").extend(map(ET.fromstring, devices))
    return xml.read(root)


def test_nothing_stands_in_the_way_of_a_plain_vm():
    assert read(WEB).unsavable == ()


def test_folders_and_devices_of_the_host_are_named():
    assert read(replace(WEB, filesystems=FOLDERS), *DEVICES).unsavable == (
        "the virtiofs folder /srv/live",
        "the 9p folder /srv/nine",
        "the host's usb device",
        "the host's network card",
    )


@pytest.mark.parametrize("state", [State.RUNNING, State.PAUSED])
def test_a_vm_with_such_a_device_is_refused_with_what_to_do(state):
    had = replace(read(replace(WEB, filesystems=FOLDERS)), state=state)
    wanted = replace(had, state=State.SAVED)
    refused = plan({wanted.address: wanted}, {had.address: had})
    ((address, problem),) = refused.refusals
    assert (address, problem.path) == (WEB.address, "vm/web")
    assert (
        problem.summary
        == "its memory can't be saved with the virtiofs folder /srv/live and the 9p folder /srv/nine"
    )
    assert "type: rsync" in problem.hint


def test_who_has_no_folder_is_not_told_of_folders():
    had = replace(read(WEB, *DEVICES), state=State.RUNNING)
    problem = replace(had, state=State.SAVED).refusal(had)
    assert "`labctl halt`" in problem.hint
    assert "rsync" not in problem.hint


def test_another_refusal_has_nothing_of_saving():
    had = replace(read(replace(WEB, filesystems=FOLDERS)), state=State.OFF)
    assert replace(had, state=State.PAUSED).refusal(had).hint == ""


def test_other_states_are_none_of_its_business():
    had = replace(read(replace(WEB, filesystems=FOLDERS)), state=State.RUNNING)
    assert replace(had, state=State.PAUSED).refusal(had) is None


def test_what_runs_counts_and_not_its_definition():
    """A device that was plugged in stands in the way, one that goes with the next start does too."""
    live = replace(WEB, unsavable=("the host's usb device",))
    assert WEB.as_it_runs(live, None).unsavable == live.unsavable
    assert live.as_it_runs(WEB, None).unsavable == ()
