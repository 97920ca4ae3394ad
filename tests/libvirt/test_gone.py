"""Listed, then gone: what others take away while labctl looks is not there, and no look fails for it."""

import itertools
import threading
from contextlib import suppress
from functools import partial

import libvirt
import libvirtmod
import pytest

from labctl.app import change
from labctl.host.host import Host
from labctl.host.libvirt import pools
from labctl.host.machine.lock import of_lab
from labctl.kinds.image.spec import POOL as STORE
from labctl.kinds.image.store import ImageStore
from tests.libvirt.conftest import NODE, World
from tests.libvirt.test_errors import LOOKS

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
KINDS = ("virDomain", "virNetwork", "virStoragePool", "virStorageVol")
ASKS = ("GetXMLDesc", "IsActive", "GetAutostart", "GetInfo", "ListAllVolumes", "ListVolumes", "ListAllPorts")
REAL = {kind + ask: getattr(libvirtmod, kind + ask, None) for kind in KINDS for ask in ASKS}


class Others:
    """Another lab, which goes right before one of its objects is asked."""

    def __init__(self, monkeypatch, host):
        self.virt, self.at, self.calls = host.virt, -1, 0
        for name, real in REAL.items():
            if real:
                monkeypatch.setattr(libvirtmod, name, partial(self.asked, name, real))

    def asked(self, name, real, handle, *arguments):
        if self.is_theirs(name, handle):
            self.calls += 1
            if self.calls == self.at:
                self.go()
        return real(handle, *arguments)

    def is_theirs(self, name, handle) -> bool:
        if name.startswith("virStorageVol"):  # its own name says nothing of whose it is
            return "labctl-other" in libvirtmod.virStorageVolGetPath(handle)
        kind = next(kind for kind in KINDS if name.startswith(kind))
        return getattr(libvirtmod, f"{kind}GetName")(handle).startswith(OWNERS)

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
                with suppress(libvirt.libvirtError):  # it is off
                    each.destroy()
                each.undefine()


@pytest.fixture
def make(tmp_path, monkeypatch):
    """A host with this lab and the other one, made anew for each look."""
    numbers, open_ = itertools.count(), []

    def made() -> tuple[World, Others]:
        host = Host(NODE)
        open_.append(host)
        for text in (OTHERS, LABFILE):
            folder = tmp_path / str(next(numbers))
            folder.mkdir()
            world = World(folder, host, text)
            assert world.run() == 0, world.failures()
        pools.define(host.virt, STORE, folder / "store")
        return world, Others(monkeypatch, host)

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
    with world.host.lock(of_lab("other")):
        pool.destroy()
        looks.start()
        looks.join(0.5)
        assert looks.is_alive()
        assert not pool.isActive()
    looks.join(10)
    assert not looks.is_alive()
    assert pool.isActive()
