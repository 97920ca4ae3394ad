"""Copies that a run did not make to their end, and what the next one does first."""

import pytest

from labctl.app import change, plan, status
from labctl.core.errors import LabctlError
from labctl.core.events import Ending
from labctl.host.host import Host
from labctl.host.libvirt import copies, pools, volumes

VOLUME, SOURCE, MARK = "_volume.shared", "_snapshot.s1.copy._volume.shared", "_copy._volume.shared"


@pytest.fixture
def copied(monkeypatch) -> list[str]:
    """The names of what is copied: the test driver has no content."""
    made: list[str] = []

    def copy(_virt, _pool, _name, target, *, to):
        volumes.create(to, target, capacity=1 << 20, format="raw")
        made.append(target)

    monkeypatch.setattr(volumes, "copy", copy)
    return made


def noted(pool) -> None:
    volumes.create(pool, SOURCE, capacity=1 << 20, format="raw")
    copies.note(pool, VOLUME, pool, SOURCE)


def test_a_copy_is_noted_until_it_is_made(pool, copied):
    noted(pool)
    volumes.create(pool, VOLUME, capacity=1 << 10, format="raw")
    assert copies.marked(volumes.names(pool)) == (VOLUME,)
    copies.make(pool.connect(), pool, VOLUME)
    assert {each.name: each.capacity for each in volumes.facts(pool)} == {SOURCE: 1 << 20, VOLUME: 1 << 20}
    assert (copies.marked(volumes.names(pool)), copied) == ((), [VOLUME])


def test_what_fails_stays_noted(pool, monkeypatch):
    """Another run would take what there is for the whole, or make an empty one."""

    def full(*_, **_more):
        raise LabctlError("no room")

    noted(pool)
    monkeypatch.setattr(volumes, "copy", full)
    with pytest.raises(LabctlError, match="no room"):
        copies.make(pool.connect(), pool, VOLUME)
    assert volumes.names(pool) == {SOURCE, MARK}


def test_what_is_there_stays_if_its_source_is_gone(pool, copied):
    noted(pool)
    volumes.create(pool, VOLUME, capacity=1 << 10, format="raw")
    volumes.delete(pool, SOURCE)
    with pytest.raises(LabctlError, match=rf"{SOURCE} is gone, of which {VOLUME} is to be a copy"):
        copies.make(pool.connect(), pool, VOLUME)
    assert volumes.names(pool) == {VOLUME, MARK}


@pytest.fixture
def cut_off(world, copied):
    """A lab with a volume that a VM has, and that is to be copied."""
    world.edit("vms:\n", "volumes: {shared: {size: 1MiB}}\nvms:\n")
    world.edit("disks: [", "disks: [{name: shared, volume: shared}, ")
    assert world.run() == 0, world.failures()
    noted(pools.require(world.host.virt, "labctl-shop"))
    return world


def test_no_guest_runs_on_what_is_cut_off(cut_off, copied):
    """Who started one by hand is told to shut it down, which works."""
    (step,) = plan.plan(cut_off.session()).plan.steps
    assert (str(step.address), step.cause) == ("pool/shop", "not copied back to the end")
    assert (
        status.status(cut_off.session(), ["db"], drift=True)
        .notes[0]
        .startswith(
            "what differs from the Labfile is not known: a run was ended while it copied back _volume.shared"
        )
    )
    assert cut_off.run() == 1
    assert "shop.db runs on" in str(cut_off.failures()[0].error)
    assert copied == []
    assert cut_off.run(change.halt) == 0, cut_off.failures()
    assert cut_off.run() == 0, cut_off.failures()
    assert copied == [VOLUME]
    assert not cut_off.plan()
    assert cut_off.domain("db").isActive()


def test_it_is_asked_for_before_the_rest(cut_off, copied, monkeypatch):
    assert cut_off.run(change.halt) == 0, cut_off.failures()
    monkeypatch.setattr(Host, "place", "rootless")
    asked = []

    def confirm(shown):
        asked.append((shown.connection, [step.id for step in shown.steps]))
        return False

    assert change.up(cut_off.session(), [], lambda _event: None, confirm).ending is Ending.DECLINED
    assert (asked, copied) == ([("rootless", ["pool/shop"])], [])


def test_the_lab_goes_with_it(cut_off, copied):
    volumes.delete(pools.require(cut_off.host.virt, "labctl-shop"), SOURCE)
    assert cut_off.run(change.destroy) == 0, cut_off.failures()
    assert copied == []
    assert "labctl-shop" not in cut_off.everything()
