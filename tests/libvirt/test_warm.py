"""What of warm labs libvirt's test driver can do: it knows volumes and domains, but neither content nor memory."""

from types import SimpleNamespace

import pytest

from labctl.app import change, warm
from labctl.core.errors import LabctlError
from labctl.core.events import Diagnostic
from labctl.core.identity import STORE, warm_volume
from labctl.host.libvirt import pools, volumes
from labctl.kinds.disk.driver import DiskDriver
from labctl.kinds.disk.spec import DiskSpec

SAVED = warm_volume("shop", "k", "disk.web.root")
BEGUN_BEFORE = "the lab boots at the next `labctl up`, too: a part of it was there before this one"


def told(world) -> list[str]:
    return [each.summary for each in world.events if isinstance(each, Diagnostic)]


@pytest.fixture
def warm_world(world):
    world.edit("name: shop\n", "name: shop\nwarm: true\n")
    return world


@pytest.fixture
def store(world):
    return pools.define(world.host.virt, STORE, world.folder / "store")


def test_vms_without_a_seed_are_not_saved_and_the_lab_is_up(warm_world):
    assert warm_world.run() == 0
    reasons = [each for each in told(warm_world) if "without a seed nobody can set its clock" in each]
    assert sorted(each.split(": ")[1] for each in reasons) == ["vm/db", "vm/web-1", "vm/web-2"]
    assert not warm_world.plan()


def test_an_up_that_goes_on_from_another_one_tells_that_it_saves_nothing(warm_world):
    assert warm_world.run(change.up, "db") == 0
    assert warm_world.run() == 0
    assert BEGUN_BEFORE in told(warm_world)
    assert warm_world.run() == 0
    assert told(warm_world) == []


def test_where_something_is_saved_an_up_of_what_was_halted_tells_nothing(warm_world, store):
    assert warm_world.run() == 0
    volumes.create(store, warm_volume("shop", "k", "description"), capacity=1 << 20, format="raw")
    assert warm_world.run(change.halt) == 0
    assert warm_world.run() == 0
    assert BEGUN_BEFORE not in told(warm_world)


def test_a_store_that_is_started_first_leaves_a_lab_without_keys_of_its_own(warm_world, store):
    """With these it would count as another lab than the saved one, and boot."""
    store.destroy()
    answers = iter([True, False])
    change.up(warm_world.session(), [], lambda _event: None, lambda _plan: next(answers))
    assert store.isActive()
    assert warm_world.session().keys.secret() is None


def test_what_fails_between_ready_and_the_save_is_a_warning(warm_world, monkeypatch):
    def fails(*_given):
        raise LabctlError("page can't be read")

    monkeypatch.setattr(warm, "to_save", fails)
    assert warm_world.run() == 0
    assert "the lab was not saved: page can't be read" in told(warm_world)


def test_that_a_warm_state_stays_is_told_of_a_lab_that_goes_and_not_of_some_vms(world, store):
    volumes.create(store, warm_volume("shop", "k", "description"), capacity=1 << 20, format="raw")
    assert world.run() == 0
    assert world.run(change.destroy, "web-1") == 0
    assert told(world) == []
    assert world.run(change.destroy) == 0
    assert told(world) == ["what was saved of the lab stays, 0B"]


@pytest.fixture
def make(world, store):
    """Makes a disk of a new lab."""
    pool = pools.define(world.host.virt, "labctl-shop", world.folder / "pool")
    volumes.create(store, "debian.img", capacity=1 << 20)
    driver = DiskDriver(world.host, STORE)

    def made(**fields):
        spec = DiskSpec("shop", "web/root", base="debian.img", **fields)
        driver.create(SimpleNamespace(wanted=spec), None)
        return next(iter(volumes.facts(pool, {spec.volume})))

    return made


def test_a_disk_begins_with_what_was_saved_of_it(make, store):
    saved = volumes.create(store, SAVED, capacity=2 << 20)
    assert make(saved=SAVED).backing == saved
    assert make(saved=SAVED).capacity == 2 << 20, "a second call finds it made"


def test_a_disk_of_which_nothing_was_saved_begins_with_its_image(make, store):
    assert make().backing == volumes.path(store, "debian.img")


def test_what_was_saved_may_be_gone_by_now(make):
    with pytest.raises(LabctlError, match="what was saved of it is not in the store"):
        make(saved=SAVED)
