"""The error sweep: each call to libvirt fails once before it ran and once after, and the next run makes it good."""

import itertools
import threading

import libvirt
import pytest

from labctl.app import change, desired_state
from labctl.app.images.catalogue import images
from labctl.app.images.prune import unneeded
from labctl.app.listing import labs
from labctl.app.one_vm import look
from labctl.app.prepare import prepare
from labctl.app.status import status
from labctl.cli import exits
from labctl.core.errors import LabctlError
from labctl.host.host import Host
from labctl.host.libvirt import pools
from labctl.kinds.image.spec import POOL as STORE
from tests.libvirt.calls import seen_by
from tests.libvirt.conftest import NODE, World

LABFILE = """\
labfile: 1
name: shop
defaults: {image: none, memory: 64MiB, disk: 1MiB, cloud_init: false}
networks: {front: {subnet: 10.90.0.0/24}}
vms:
  db: {networks: [front], disks: [{name: data, size: 2MiB}]}
  web: {networks: [front], depends_on: [db]}
"""
EDITED = LABFILE.replace("memory: 64MiB", "memory: 96MiB").replace(
    "depends_on: [db]", "disks: [{name: more, size: 1MiB}]"
)
EDITED = EDITED.replace("subnet: 10.90.0.0/24", "subnet: 10.90.0.0/24, dhcp: false")
FAILS = libvirt.VIR_ERR_OPERATION_FAILED
LOOKS_LOST = libvirt.VIR_ERR_INTERNAL_ERROR  # labctl then asks whether the connection still lives


class Faults:
    """Counts the calls, and lets one of them fail."""

    def __init__(self, monkeypatch):
        self.calls: list[str] = []
        self.at, self.after, self.failed, self.lock = -1, False, False, threading.Lock()
        seen_by(self.asked, monkeypatch)

    def asked(self, name, _thing, call):
        with self.lock:
            number = len(self.calls)
            self.calls.append(name)
        if number != self.at:
            return call()
        if self.after:
            call()  # where it fails by itself, nothing is injected
        self.failed = True
        error = libvirt.libvirtError("injected")
        error.err = (FAILS if number % 2 else LOOKS_LOST, 0, "injected", 2, "", None, None, 0, 0)
        raise error

    def next(self, at: int = -1, *, after: bool = False) -> None:
        self.calls, self.at, self.after, self.failed = [], at, after, False


@pytest.fixture
def faults(monkeypatch):
    return Faults(monkeypatch)


@pytest.fixture
def make_world(tmp_path):
    numbers = itertools.count()

    def make() -> World:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return World(folder, Host(NODE), LABFILE)

    return make


def attempt(world: World, verb) -> int:
    """Run it as labctl's boundary does: whatever goes wrong is labctl's own error. Gives the exit code, 0 or 1."""
    try:
        code = world.run(verb)
    except LabctlError as error:
        code = exits.of_error(error)
    assert code in (0, 1)
    return code


# What is there before, and the verb that is then run with an edited Labfile.
SCENES = {
    "up": (None, LABFILE, change.up),
    "edit": (LABFILE, EDITED, change.up),
    "halt": (LABFILE, LABFILE, change.halt),
    "reload": (LABFILE, LABFILE, change.reload),
    "destroy": (LABFILE, LABFILE, change.destroy),
}


def set_up(faults: Faults, make_world, scene: str) -> World:
    before, after, _verb = SCENES[scene]
    world = make_world()
    faults.next()
    if before:
        world.text = before
        assert world.run() == 0, world.failures()
    world.text = after
    return world


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("scene", SCENES)
def test_whatever_call_fails_the_next_run_makes_it_good(faults, make_world, scene, after):
    verb = SCENES[scene][2]
    world = set_up(faults, make_world, scene)
    faults.next()
    assert world.run(verb) == 0, world.failures()
    count, noticed = len(faults.calls), 0
    world.host.close()
    for number in range(count):
        world = set_up(faults, make_world, scene)
        faults.next(number, after=after)
        noticed += attempt(world, verb)
        if number >= len(faults.calls):  # what it asks of other domains depends on which of them went first
            break
        at = f"call {number} of {count}, {faults.calls[number]}"
        faults.next()
        assert world.run(verb) == 0, (at, world.failures())
        if verb is change.up:
            assert not world.plan(), (at, str(world.plan()))
        assert world.run(change.destroy) == 0, (at, world.failures())
        assert world.everything() == set(), at
        world.host.close()
    assert noticed > count / 2  # some may fail unheard, such as a look whether something is there


LOOKS = {
    "plan": lambda world: prepare(world.session(), desired_state.up()),
    "status": lambda world: status(world.session(), drift=True),
    "list": lambda world: labs(world.host),
    "ssh": lambda world: look(world.session()),
    "image list": lambda world: images(world.host),
    "image prune": lambda world: list(unneeded(world.host, None)),
    "validate": lambda world: world.session().loaded,
}


SPARED = ("virConnect.getMemoryStats", "virConnect.getLibVersion")  # looks do without what these tell


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("verb", LOOKS)
def test_a_look_that_fails_says_so_in_labctls_own_words(faults, make_world, verb, after):
    world = set_up(faults, make_world, "halt")
    pools.define(world.host.virt, STORE, world.folder / "store")
    faults.next()
    LOOKS[verb](world)
    for number in range(len(faults.calls)):
        faults.next(number, after=after)
        try:
            seen = LOOKS[verb](world)
        except LabctlError as error:
            told = [str(error)]
        else:
            told = getattr(seen, "notes", ())  # `status` tells what exists, and what it does not know of that
        if faults.failed and faults.calls[number] not in SPARED:
            assert any(each.endswith(": injected") for each in told), (faults.calls[number], told)
    world.host.close()
