"""Warm states among what is in the store: who uses them, and what nobody needs any more."""

from functools import partial

import pytest

from labctl.app import change, desired_state
from labctl.app.images import prune
from labctl.core.errors import Interrupted, LabctlError, UsageError
from labctl.core.events import Diagnostic, Ending, Finished, StepDone, StepFailed
from labctl.core.identity import warm_volume
from labctl.core.plan import Plan
from labctl.core.planning import plan
from labctl.core.stop import Stop
from labctl.engine.execute import execute
from labctl.host import store_users
from labctl.host.access.keys import Keys
from labctl.host.files.lab_folder import LabFolder
from labctl.host.hosts import Hosts
from labctl.host.libvirt import backing, pools, volumes
from labctl.host.machine.lock import lab_lock_name
from labctl.kinds.image.spec import POOL as STORE
from labctl.kinds.image.store import ImageStore
from labctl.kinds.warm import driver as warm_driver
from labctl.kinds.warm import store as warm_store
from labctl.kinds.warm.driver import WarmDriver
from labctl.kinds.warm.spec import WarmSpec

KEY, OLD = "a" * 16, "b" * 16
IMAGE = "sha256-" + "a" * 64
ROOT = warm_volume("shop", KEY, "disk.web.root")
FOREIGN = "<domain type='test'><name>shop.db</name><memory>65536</memory><os><type>hvm</type></os></domain>"


@pytest.fixture
def host(world):
    """A host with a warm state of the lab shop, on whose disk the disk of a VM stands; no test driver keeps content."""
    pool, store = (define(world, name) for name in ("labctl-shop", STORE))
    volumes.create(store, f"{IMAGE}.img", capacity=1 << 20)
    volumes.create(store, ROOT, capacity=1 << 20, backing=(volumes.path(store, f"{IMAGE}.img"), "qcow2"))
    for part in ("memory.web", "disk.web.ok", "description"):
        volumes.create(store, warm_volume("shop", KEY, part), capacity=1 << 20, format="raw")
    volumes.create(pool, "web.root", capacity=1 << 20, backing=(volumes.path(store, ROOT), "qcow2"))
    return world.host


def define(world, name):
    return pools.define(world.host.virt, name, world.folder / name)


def lab_pool(host):
    return pools.require(host.virt, "labctl-shop")


def unneeded(host) -> list[str]:
    return [each.what.partition(" (")[0] for each in prune.unneeded(host, None)]


def test_no_volume_of_a_warm_state_counts_as_left_of_an_image(host):
    """Neither by its name, nor because it has no marker; a disk may be called `ok`, as the marker of an image is."""
    store = pools.require(host.virt, STORE)
    assert ImageStore(host).leftovers() == {}
    volumes.delete(lab_pool(host), "web.root")
    assert ImageStore(host).leftovers() == {}
    volumes.delete(store, ROOT)
    assert ImageStore(host).leftovers().keys() == {f"{IMAGE}.img"}
    assert ImageStore(host).stored() == []


def test_what_stands_on_what_is_told_in_words(host):
    users = store_users.find(host, pools.path(pools.require(host.virt, STORE)))
    assert users == {f"{IMAGE}.img": ["warm state of shop"], ROOT: ["labctl-shop/web.root"]}
    with pytest.raises(LabctlError, match="in use by warm state of shop") as error:
        ImageStore(host).delete(IMAGE)
    assert "`labctl destroy --warm`" in error.value.hint


def test_of_a_damaged_image_the_disks_count_and_not_the_warm_state(host):
    """It can't be used any more, and hinders nobody to make the image anew; a disk above it would be lost."""
    folder = pools.path(pools.require(host.virt, STORE))
    images = {f"{IMAGE}.img"}
    assert store_users.standing(store_users.find(host, folder), images) == {"labctl-shop/web.root"}
    volumes.delete(lab_pool(host), "web.root")
    assert store_users.standing(store_users.find(host, folder), images) == set()
    circle = {"image": ["warm state of shop"], ROOT: ["warm state of shop"]}  # a guest wrote such a header
    assert store_users.standing(circle, ["image"]) == set()


def test_the_image_of_a_disk_is_below_its_warm_state(host):
    """By it `status` knows whose images are damaged, and `image build --from` how to boot a copy."""
    store = pools.require(host.virt, STORE)
    image = volumes.path(store, f"{IMAGE}.img")
    facts = [*volumes.facts(lab_pool(host), {"web.root"}), *volumes.facts(store, {ROOT, f"{IMAGE}.img"})]
    assert {each.name: backing.image_below(host.virt, each) for each in facts} == {
        "web.root": image,
        ROOT: image,
        f"{IMAGE}.img": "",
    }
    volumes.delete(store, ROOT)
    assert backing.image_below(host.virt, facts[0]) == ""


def test_one_on_which_a_disk_stands_is_needed(host):
    (state,) = warm_store.look(host)
    assert (state.warm.lab, state.users, state.warm.finished) == ("shop", ("labctl-shop/web.root",), True)
    assert unneeded(host) == []
    with pytest.raises(LabctlError, match=r"labctl-shop/web\.root stands on it"):
        warm_store.remove(host, [state])
    assert warm_store.look(host) == [state]


def test_one_of_a_lab_that_is_gone_goes(host):
    volumes.delete(lab_pool(host), "web.root")
    found = prune.unneeded(host, None)
    assert [each.what.partition(" (")[0] for each in found] == ["warm state of shop"]
    assert list(prune.remove(host, found, pytest.fail)) == found
    assert volumes.names(pools.require(host.virt, STORE)) == {f"{IMAGE}.img"}


def test_a_lab_that_somebody_works_on_keeps_its_own(host):
    """It may be about to stand on it, or is being saved."""
    volumes.delete(lab_pool(host), "web.root")
    found = prune.unneeded(host, None)
    told: list[str] = []
    with host.lock(lab_lock_name("shop")):
        assert unneeded(host) == []
        assert list(prune.remove(host, found, told.append)) == []
    assert "another labctl holds the lab shop" in told[0]
    assert len(warm_store.look(host)) == 1


def test_what_a_disk_began_to_stand_on_since_stays(host):
    pool, store = lab_pool(host), pools.require(host.virt, STORE)
    volumes.delete(pool, "web.root")
    found = prune.unneeded(host, None)
    volumes.create(pool, "web.root", capacity=1 << 20, backing=(volumes.path(store, ROOT), "qcow2"))
    told: list[str] = []
    assert list(prune.remove(host, found, told.append)) == []
    assert "labctl-shop/web.root stands on it" in told[0]


def test_what_a_save_left_that_was_killed_goes(host):
    store = pools.require(host.virt, STORE)
    volumes.create(store, warm_volume("shop", OLD, "memory.web"), capacity=1 << 20, format="raw")
    found = prune.unneeded(host, None)
    assert [each.what for each in found] == ["warm state of shop (it was not saved to its end)"]
    volumes.create(store, warm_volume("shop", OLD, "description"), capacity=1 << 20, format="raw")
    assert list(prune.remove(host, found, pytest.fail)) == [], "it became whole meanwhile"
    volumes.delete(store, warm_volume("shop", OLD, "description"))
    assert list(prune.remove(host, found, pytest.fail)) == found
    assert [each.warm.key for each in warm_store.look(host)] == [KEY]


def test_what_a_disk_stands_on_stays_without_its_description(host):
    volumes.delete(pools.require(host.virt, STORE), warm_volume("shop", KEY, "description"))
    assert unneeded(host) == []


def test_the_disks_of_a_stopped_pool_count(host):
    """It is started under the lock of its lab, which whoever removes a warm state of that lab has already."""
    lab_pool(host).destroy()
    (state,) = warm_store.look(host)
    assert state.users == ("labctl-shop/web.root",)
    host.virt.storagePoolLookupByName("labctl-shop").destroy()
    with host.lock(lab_lock_name("shop")), pytest.raises(LabctlError, match="stands on it"):
        warm_store.remove(host, [state])


def test_a_stopped_store_is_started_to_remove_one(host, world):
    """Else it would stay, and nothing would tell."""
    destroy = partial(change.destroy, warm=True)
    volumes.delete(lab_pool(host), "web.root")
    host.virt.storagePoolLookupByName(STORE).destroy()
    assert world.run(destroy) == 0
    assert warm_store.look(host) == []


def test_a_warm_state_is_of_the_whole_lab(world):
    session = world.session()
    session.warm = True
    with pytest.raises(UsageError, match="--warm is about the whole lab") as error:
        change.up(session, ["web-1"], world.events.append, pytest.fail)
    assert error.value.hint == "leave out web-1, or --warm"
    with pytest.raises(UsageError, match="--warm is about the whole lab"):
        world.run(partial(change.destroy, warm=True), "web-1", "web-2")
    session.warm = False
    assert change.up(session, ["web-1"], world.events.append, lambda _plan: True).ok


def test_what_a_save_left_that_was_killed_goes_with_its_lab(host, world):
    volumes.delete(lab_pool(host), "web.root")
    volumes.delete(pools.require(host.virt, STORE), warm_volume("shop", KEY, "description"))
    assert world.run(change.destroy) == 0
    assert warm_store.look(host) == []


def test_a_disk_on_what_a_killed_save_left_is_in_no_way_of_what_is_whole(host, world):
    """Somebody put it there. It stays, and so does what it needs."""
    store, pool = pools.require(host.virt, STORE), lab_pool(host)
    volumes.delete(pool, "web.root")
    torn = warm_volume("shop", OLD, "disk.web.root")
    volumes.create(store, torn, capacity=1 << 20)
    foreign = define(world, "mine")
    volumes.create(foreign, "mine", capacity=1 << 20, backing=(volumes.path(store, torn), "qcow2"))
    assert world.run(partial(change.destroy, warm=True)) == 1
    (failed,) = [each for each in world.events if isinstance(each, StepFailed)]
    assert "mine/mine stands on it" in str(failed.error)
    assert volumes.names(store) == {f"{IMAGE}.img", torn}


def test_it_is_told_soon_if_another_labctl_keeps_it_from_going(host, world, monkeypatch):
    """Whether the disks of that lab stand on it can't be told; nobody waits for minutes."""
    monkeypatch.setattr(warm_driver, "WAIT_S", 0.0)
    volumes.delete(lab_pool(host), "web.root")
    define(world, "labctl-other").destroy()
    with host.lock(lab_lock_name("other")):
        assert world.run(partial(change.destroy, warm=True)) == 1
    (failed,) = [each for each in world.events if isinstance(each, StepFailed)]
    assert "another labctl holds the lab other" in str(failed.error)
    assert len(warm_store.look(host)) == 1
    assert world.run(partial(change.destroy, warm=True)) == 0
    assert warm_store.look(host) == []


def test_all_of_a_lab_go_together(host, world):
    """Only the newest is begun with, so that nothing else would ever remove the others."""
    store = pools.require(host.virt, STORE)
    volumes.delete(lab_pool(host), "web.root")
    for part in ("memory.web", "description"):
        volumes.create(store, warm_volume("shop", OLD, part), capacity=1 << 20, format="raw")
    volumes.create(store, warm_volume("shop", "c" * 16, "memory.web"), capacity=1 << 20, format="raw")
    volumes.create(store, warm_volume("other", OLD, "description"), capacity=1 << 20, format="raw")
    assert world.run(change.destroy) == 0
    kept = [(each.warm.lab, each.warm.key) for each in warm_store.look(host)]
    assert sorted(kept) == [("other", OLD), ("shop", KEY), ("shop", OLD)], "`destroy` keeps what is whole"
    assert world.run(partial(change.destroy, warm=True)) == 0
    assert [each.warm.lab for each in warm_store.look(host)] == ["other"]


def test_a_state_that_cant_be_replaced_is_a_warning_and_no_failure(world, host):
    """The lab is ready by then."""
    had = warm_store.look(host)[0].warm
    (step,) = plan({had.address: WarmSpec("shop", OLD)}, {had.address: had}).steps
    world.events = []
    driver = WarmDriver(host, Keys(LabFolder(world.folder, "shop")))
    outcome = execute(
        Plan("shop", host.uri, (step,)), Hosts(host), lambda *_: driver, world.events.append, Stop()
    )
    assert outcome.ending is Ending.DONE
    told = [event.summary for event in world.events if isinstance(event, Diagnostic)]
    assert told == ["warm/shop: the lab was not saved: labctl-shop/web.root stands on it"]
    assert [each.warm.key for each in warm_store.look(host)] == [KEY]


def test_a_lab_that_is_ready_stays_so_where_it_cant_be_looked_at_once_more(world):
    """Somebody took the name of one of its VMs meanwhile."""
    world.edit("name: shop", "name: shop\nwarm: true")
    world.events = []

    def taken(event):
        world.events.append(event)
        if isinstance(event, StepDone) and event.address == "vm/web-2":
            domain = world.domain("db")
            domain.destroy()
            domain.undefine()
            world.host.virt.defineXML(FOREIGN)

    finished = change.up(world.session(), (), taken, lambda _plan: True)
    assert finished.ending is Ending.DONE
    assert world.events[-1] == finished
    (warning,) = [
        each for each in world.events if isinstance(each, Diagnostic) and each.severity == "warning"
    ]
    assert warning.summary.startswith("the lab was not saved: ")
    assert "shop.db" in warning.summary


@pytest.mark.parametrize(
    ("error", "ending"), [(LabctlError, Ending.FAILED), (Interrupted, Ending.INTERRUPTED)]
)
def test_a_run_from_which_nothing_can_follow_ends_by_an_event(world, error, ending):
    """The terminal is given back by that."""

    def fails(_first, _seconds):
        raise error("x")

    events = []
    with pytest.raises(error):
        change.apply(
            world.session(), "up", desired_state.up(), events.append, lambda _plan: True, follow=fails
        )
    assert (type(events[-1]), events[-1].ending) == (Finished, ending)
