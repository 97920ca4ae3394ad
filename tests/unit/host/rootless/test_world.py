"""What keeps a user's own libvirt from being started."""

import os

import pytest

from labctl.core.errors import LabctlError
from labctl.host.machine.doctor.check import Check
from labctl.host.rootless import world
from labctl.host.rootless.state import State, taken


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setenv("LABCTL_DATA_DIR", str(tmp_path))
    return world.own()


def no_start(_said):
    raise AssertionError("it is started")


def test_it_is_in_the_folder_of_the_users_data(own, tmp_path):
    assert own == State(tmp_path / "rootless")
    assert world.running() is None


def test_all_that_lacks_is_told_before_anything_starts(own, monkeypatch):
    checks = [
        Check("uidmap", "fail", "newuidmap is not there", "apt-get install uidmap"),
        Check("pasta", "warn", "not found", "apt-get install passt"),
        Check("subuid", "fail", "none", "usermod"),
    ]
    monkeypatch.setattr(world.rootless, "checks", lambda _distribution: iter(checks))
    with pytest.raises(LabctlError) as error:
        world.ensure(own, no_start)
    assert str(error.value).splitlines()[1:] == [
        "  uidmap: newuidmap is not there",
        "    mend it: apt-get install uidmap",
        "  subuid: none",
        "    mend it: usermod",
    ]


def test_a_home_that_several_machines_share_has_one(own, monkeypatch):
    monkeypatch.setattr(world.rootless, "checks", lambda _distribution: iter(()))
    held = own.open_lock("held.lock")
    assert taken(held)
    with pytest.raises(LabctlError, match="runs on another machine"):
        world.ensure(own, lambda _: None)
    os.close(held)
