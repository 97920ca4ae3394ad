"""Listed, then gone: what others take away while labctl looks is not there, and no look fails for it."""

import itertools
import threading

import libvirt
import pytest

from labctl.app import change
from labctl.host.host import Host
from labctl.host.libvirt import pools
from labctl.host.machine import lock
from labctl.host.machine.lock import lab_lock_name
from labctl.kinds.image.spec import POOL as STORE
from labctl.kinds.image.store import ImageStore
from tests.libvirt.calls import seen_by
from tests.libvirt.conftest import NODE, World
from tests.libvirt.test_errors import LOOKS
from tests.waiting import opened, wait_until

LABFILE = """\
labfile: 1
name: shop
defaults: {image: none, memory: 64MiB, disk: 1MiB, cloud_init: false, state: off}
networks: {front: {subnet: 10.90.0.0/24}}
vms:
  db: {networks: [front], disks: [{name: data, size: 2MiB}]}
"""
OTHERS = LABFILE.replace("name: shop", "name: other").replace("10.90.0", "10.91.0")
OWNERS = ("other.", "labctl-other")  # how the names of the other lab's objects begin
KINDS = (libvirt.virDomain, libvirt.virNetwork, libvirt.virStoragePool, libvirt.virStorageVol)
ASKS = ("XMLDesc", "isActive", "autostart", "info", "listAllVolumes", "listVolumes", "listAllPorts")


class Others:
    """Another lab, which goes right before one of its objects is asked."""

    def __init__(self, monkeypatch):
        self.virt, self.at, self.calls = None, -1, 0
        seen_by(self.asked, monkeypatch)

    def are_on(self, virt) -> None:
        self.virt, self.at, self.calls = virt, -1, 0

    def asked(self, name, thing, call):
        if name.rpartition(".")[2] in ASKS and self.is_theirs(thing):
            self.calls += 1
            if self.calls == self.at:
                self.go()
        return call()

    def is_theirs(self, thing) -> bool:
        if isinstance(thing, libvirt.virStorageVol):  # its own name says nothing of whose it is
            return "labctl-other" in thing.path()
        return isinstance(thing, KINDS) and thing.name().startswith(OWNERS)

    def go(self) -> None:
        self.at = -1
        for pool in self.virt.listAllStoragePools():
            if pool.name().startswith(OWNERS):
                for volume in pool.listAllVolumes():
                    volume.delete()
                pool.destroy()
                pool.undefine()
        for each in (*self.virt.listAllDomains(), *self.virt.listAllNetworks()):
            if each.name().startswith(OWNERS):
                if each.isActive():
                    each.destroy()
                each.undefine()


@pytest.fixture
def make(tmp_path, monkeypatch):
    """A host with this lab and the other one, made anew for each look."""
    numbers, open_, others = itertools.count(), [], Others(monkeypatch)

    def made() -> tuple[World, Others]:
        host = Host(NODE)
        open_.append(host)
        for text in (OTHERS, LABFILE):
            folder = tmp_path / str(next(numbers))
            folder.mkdir()
            world = World(folder, host, text)
            assert world.run() == 0, world.failures()
        pools.define(host.virt, STORE, folder / "store")
        others.are_on(host.virt)
        return world, others

    yield made
    for host in open_:
        host.close()


VERBS = {
    **LOOKS,
    "up": lambda world: world.run(),
    "halt": lambda world: world.run(change.halt),
    "destroy": lambda world: world.run(change.destroy),
}


@pytest.mark.parametrize("verb", VERBS)
def test_another_labs_end_fails_nobody(make, verb):
    """At whichever question to its objects it happens."""
    world, others = make()
    VERBS[verb](world)
    count = others.calls
    assert count or verb in ("ssh", "validate")
    for number in range(1, count + 1):
        world, others = make()
        others.at = number
        told = VERBS[verb](world)
        assert others.at == -1, "it did not go"
        assert told == 0 or not isinstance(told, int), (number, world.failures())


def test_a_stopped_pool_is_not_started_while_its_lab_is_at_work(make):
    """It may be on its way out; once the lab is done, the image store looks into it, or finds it gone."""
    world, _ = make()
    pool = world.host.virt.storagePoolLookupByName("labctl-other")
    looks = threading.Thread(target=ImageStore(world.host).stored)
    file = lock.path(world.host.lock_name(lab_lock_name("other")))
    with world.host.lock(lab_lock_name("other")):
        pool.destroy()
        looks.start()
        wait_until(lambda: len(opened(file)) == 2)  # the second is that of who waits for it
        assert not pool.isActive()
    looks.join(60)
    assert not looks.is_alive()
    assert pool.isActive()
