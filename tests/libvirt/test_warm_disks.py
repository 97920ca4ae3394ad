"""The disks of a lab that begins with what was saved of it."""

import contextlib
from types import SimpleNamespace

import pytest

from labctl.core.errors import LabctlError
from labctl.core.identity import warm_volume
from labctl.host.libvirt import pools, volumes
from labctl.kinds.disk.driver import DiskDriver
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.image.spec import POOL as STORE

ROOT = warm_volume("shop", "a" * 16, "disk.web.root")
SHARED = warm_volume("shop", "a" * 16, "disk._volume.shared")
DISKS = (
    DiskSpec("shop", "web/root", saved=ROOT),
    DiskSpec("shop", "shared", 1 << 20, format="raw", saved=SHARED),
)


@pytest.fixture
def pool(world):
    """The lab's pool, beside a store with saved disks."""
    store = pools.define(world.host.virt, STORE, world.folder / STORE)
    volumes.create(store, ROOT, capacity=1 << 20)
    volumes.create(store, SHARED, capacity=1 << 20, format="raw")
    return pools.define(world.host.virt, "labctl-shop", world.folder / "labctl-shop")


@pytest.fixture
def driver(world, monkeypatch):
    monkeypatch.setattr(volumes, "copy", copy)
    return DiskDriver(world.host, STORE)


def copy(_virt, _store, _name, target, *, to):
    """The test driver copies no bytes."""
    volumes.create(to, target, capacity=1 << 20, format="raw")


@pytest.mark.parametrize("disk", DISKS, ids=["own", "shared"])
def test_memory_does_not_come_back_over_a_disk_that_was_there(pool, driver, disk):
    """Somebody undefined the pool, and its folder stayed: nothing showed that the lab is not gone."""
    volumes.create(pool, disk.volume, capacity=3 << 20, format=disk.format)
    path = volumes.path(pool, disk.volume)
    with pytest.raises(LabctlError) as caught:
        driver.create(SimpleNamespace(wanted=disk), None)
    assert str(caught.value) == (
        f"disk/{disk.name}: {path} is there already, to which the lab's saved memory does not fit"
    )
    assert "`labctl up --cold` boots the lab with it" in caught.value.hint
    (there,) = volumes.facts(pool)
    assert there.capacity == 3 << 20, "it is as it was"


@pytest.mark.parametrize("disk", DISKS, ids=["own", "shared"])
def test_what_a_call_began_that_lost_libvirt_is_made_anew(pool, driver, disk, monkeypatch):
    """It may be half a copy."""

    def lost(pool, name, **form):
        made(pool, name, **(form | {"capacity": 3 << 20}))
        if name == disk.volume:
            raise LabctlError("the connection was lost")

    made = volumes.create
    with monkeypatch.context() as broken:
        broken.setattr(volumes, "create", lost)
        with contextlib.suppress(LabctlError):
            driver.create(SimpleNamespace(wanted=disk), None)
    driver.create(SimpleNamespace(wanted=disk), None)
    (there,) = volumes.facts(pool)
    assert (there.name, there.capacity) == (disk.volume, 1 << 20)


def test_a_disk_without_saved_content_stays_as_an_earlier_run_made_it(pool, driver):
    volumes.create(pool, "web.data", capacity=3 << 20)
    driver.create(SimpleNamespace(wanted=DiskSpec("shop", "web/data", 1 << 20)), None)
    assert volumes.facts(pool)[0].capacity == 3 << 20
