"""The volumes with the variables of UEFI, as far as libvirt's test driver can do it: it makes none itself."""

from types import SimpleNamespace

import pytest

from labctl.app import change
from labctl.core.lifecycle import State
from labctl.host.libvirt import pools, volumes
from labctl.host.libvirt.volumes import Facts
from labctl.kinds.snapshot import restore, room, save
from labctl.kinds.snapshot.spec import Copy, SavedVm, SnapshotSpec
from tests.libvirt.test_storage import LABFILE, told
from tests.libvirt.test_storage import pool as lab_pool

UEFIS = (Copy("web._nvram", "_snapshot.s1.copy.web._nvram"), Copy("web.seed", "_snapshot.s1.copy.web.seed"))


def test_variables_of_a_uefi_that_never_started_are_not_copied(pool):
    """A seed that is not there is another matter: that is an error."""
    spec = SnapshotSpec("shop", "s1", vms=(SavedVm("web", State.OFF),), copies=UEFIS)
    assert save._copies(pool, spec) == UEFIS[1:]  # noqa: SLF001
    volumes.create(pool, "web._nvram", capacity=1 << 10)
    assert save._copies(pool, spec) == UEFIS  # noqa: SLF001


@pytest.mark.parametrize("copies", [UEFIS[:1], ()])
def test_variables_of_a_uefi_go_back_and_those_that_came_since_go(pool, monkeypatch, copies):
    """The test driver has no content to copy."""
    made = []
    connection = SimpleNamespace(virt=pool.connect(), in_parallel=lambda objects, work: [*map(work, objects)])
    monkeypatch.setattr(volumes, "copy", lambda _virt, _pool, *names, to: made.append((*names, to.name())))
    volumes.create(pool, "web._nvram", capacity=1 << 10)
    volumes.create(pool, UEFIS[0].copy, capacity=1 << 10, format="raw")
    spec = SnapshotSpec("shop", "s1", vms=(SavedVm("web", State.OFF),), copies=copies)
    for _ in range(2):  # a run that was killed is done again
        restore._copy_back(connection, pool, spec)  # noqa: SLF001
    assert volumes.names(pool) == {UEFIS[0].copy}
    assert made == 2 * [(each.copy, each.volume, pool.name()) for each in copies]


def test_room_is_counted_for_what_libvirt_made_itself(pool, monkeypatch):
    """It lists that after a refresh only."""
    refreshed = []
    monkeypatch.setattr(pools, "refresh", refreshed.append)
    monkeypatch.setattr(
        volumes, "facts", lambda _pool, names: [Facts(name, allocation=7) for name in names if refreshed]
    )
    connection = SimpleNamespace(virt=pool.connect(), in_parallel=lambda objects, work: [*map(work, objects)])
    assert room.needed(connection, pool, SnapshotSpec("shop", "s1", copies=UEFIS)) == 14


def test_the_variables_of_a_uefi_are_no_strangers_and_go_with_the_vm(world):
    """Libvirt makes them as the VM starts, and deletes them with it, which the test driver doesn't."""
    world.text = LABFILE
    assert world.run() == 0, world.failures()
    volumes.create(lab_pool(world), "db._nvram", capacity=1 << 10)
    volumes.create(lab_pool(world), "other", capacity=1 << 10)
    assert world.run() == 0, world.failures()
    volumes.create(lab_pool(world), "_copy.db._nvram", capacity=1 << 10)
    world.run(change.destroy, "db")
    assert volumes.names(lab_pool(world)) == {"other"}
    volumes.create(lab_pool(world), "db._nvram", capacity=1 << 10)
    world.run()
    world.run(change.destroy)
    (left,) = [text for text in told(world) if "stays" in text]
    assert left.endswith("labctl did not make: other")
