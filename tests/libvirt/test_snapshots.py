"""What of snapshots libvirt's test driver can do: it knows volumes and domains, but neither content nor memory."""

import json
from types import SimpleNamespace

import pytest

from labctl.app import preflight, snapshots
from labctl.core import identity
from labctl.core.errors import LabctlError, Refused
from labctl.core.lifecycle import State
from labctl.core.planning import plan
from labctl.core.record import replace
from labctl.engine.allocation import Allocation
from labctl.engine.observe import Observed, observe
from labctl.engine.sources import Sources
from labctl.host.host import Host
from labctl.host.libvirt import domain_capabilities, pools, volumes
from labctl.host.libvirt.domain_capabilities import DomainCapabilities
from labctl.host.libvirt.domain_state import state_of
from labctl.kinds.snapshot import parts, restorable
from labctl.kinds.snapshot.restore import restore
from labctl.kinds.snapshot.save import save
from labctl.kinds.snapshot.spec import DESCRIPTION, Copy, Layer, SavedVm, SnapshotSpec
from tests.libvirt.conftest import save_s1

DOMAIN = """<domain type='test'><name>shop.web</name><uuid>{}</uuid><memory>65536</memory><os><type>hvm</type></os>
<devices><disk type='file'><source file='{}'/><target dev='vda'/></disk></devices></domain>"""


def goes_on(pool, path):
    """Define the VM web with its disk in this file."""
    pool.connect().defineXML(DOMAIN.format(identity.object_uuid("shop", "vm", "web"), path))


@pytest.fixture
def pool(pool):
    """A pool whose disk web/root has two layers above it, the one of which is the VM's."""
    root = volumes.create(pool, "web.root", capacity=1 << 20)
    for name in ("web.root._layer-00000001", "web.root._layer-00000002", "gone.root._layer-00000003"):
        volumes.create(pool, name, capacity=1 << 20, backing=(root, "qcow2"))
    for name in ("_snapshot.s1.memory.web", "notes"):
        volumes.create(pool, name, capacity=1 << 20)
    top = volumes.path(pool, "web.root._layer-00000001")
    goes_on(pool, top)
    return pool


def test_what_a_killed_run_left_goes_and_nothing_else(pool):
    parts.sweep(pool.connect(), pool, "shop", ["web", "gone"])
    assert volumes.names(pool) == {
        "web.root",
        "web.root._layer-00000001",
        "gone.root._layer-00000003",
        "notes",
    }


@pytest.fixture
def unreadable(pool, monkeypatch):
    """A description that a later labctl wrote. The test driver keeps no content, so that it is given here."""
    name = identity.snapshot_volume("s1", DESCRIPTION)
    volumes.create(pool, name, capacity=1 << 10)
    content = json.dumps({"format": 2, "lab": "shop", "name": "s1"}).encode()
    monkeypatch.setattr(volumes, "download", lambda _virt, _pool, asked: {name: content}[asked])
    return parts.read(pool.connect(), pool, "shop", "s1")


def test_of_a_snapshot_that_cant_be_read_all_stays(pool, unreadable):
    volumes.create(pool, "_snapshot.s2.memory.web", capacity=1 << 10)
    before = volumes.names(pool)
    parts.sweep(pool.connect(), pool, "shop", ["web", "gone"])
    assert unreadable.problem
    assert before - volumes.names(pool) == {"_snapshot.s2.memory.web"}


def test_who_deletes_one_that_cant_be_read_deletes_all_that_has_its_name(pool, unreadable):
    volumes.create(pool, "_snapshot.s2.memory.web", capacity=1 << 10)
    before = volumes.names(pool)
    parts.delete(pool, unreadable)
    assert before - volumes.names(pool) == {"_snapshot.s1.memory.web", "_snapshot.s1.description"}


def test_what_a_snapshot_of_virsh_needs_stays(pool):
    """It is in the layer that the VM had then."""
    virt = pool.connect()
    virt.lookupByName("shop.web").snapshotCreateXML("<domainsnapshot><name>mine</name></domainsnapshot>")
    goes_on(pool, volumes.path(pool, "web.root._layer-00000002"))
    parts.sweep(virt, pool, "shop", ["web"])
    assert "web.root._layer-00000001" in volumes.names(pool)
    virt.lookupByName("shop.web").snapshotLookupByName("mine").delete()
    parts.sweep(virt, pool, "shop", ["web"])
    assert "web.root._layer-00000001" not in volumes.names(pool)


def test_what_an_overlay_elsewhere_may_stand_on_stays(pool):
    """Of a VM that is off libvirt tells only the file that it writes to."""
    goes_on(pool, "/elsewhere/mine.qcow2")
    parts.sweep(pool.connect(), pool, "shop", ["web"])
    assert {"web.root._layer-00000001", "web.root._layer-00000002"} <= volumes.names(pool)


def test_what_is_missing_of_a_snapshot_is_named(pool):
    layer = Layer("web/root", volumes.path(pool, "web.root"))
    vm = SavedVm("web", State.RUNNING, layers=(layer,), memory="_snapshot.s1.memory.web")
    snapshot = SnapshotSpec("shop", "s1", vms=(vm,))
    assert parts.missing(pool.connect(), volumes.facts(pool), snapshot) == []
    volumes.delete(pool, "_snapshot.s1.memory.web")
    volumes.delete(pool, "web.root")
    assert parts.missing(pool.connect(), volumes.facts(pool), snapshot) == [
        layer.path,
        "_snapshot.s1.memory.web",
    ]


def test_what_a_snapshot_stands_on_is_missed_too(pool):
    layer = Layer(
        "web/root", volumes.path(pool, "web.root._layer-00000001"), below=(volumes.path(pool, "web.root"),)
    )
    snapshot = SnapshotSpec("shop", "s1", vms=(SavedVm("web", State.OFF, layers=(layer,)),))
    assert parts.missing(pool.connect(), volumes.facts(pool), snapshot) == []
    volumes.delete(pool, "web.root")
    assert parts.missing(pool.connect(), volumes.facts(pool), snapshot) == list(layer.below)


def told(pool, snapshot):
    return [each.summary for each in restorable.obstacles(pool.connect(), pool, snapshot)]


def test_a_file_that_somebody_put_onto_another_is_told(pool):
    path = volumes.path(pool, "web.root._layer-00000001")
    layer = Layer("web/root", path, below=("/store/x.img",))
    vm = SavedVm("web", State.OFF, definition="<domain type='test'/>", layers=(layer,))
    root = volumes.path(pool, "web.root")
    assert told(pool, SnapshotSpec("shop", "s1", vms=(vm,))) == [
        "it can't be restored without /store/x.img",
        f"{path} stood on /store/x.img, and stands on {root} now",
    ]


def test_memory_is_read_and_what_is_none_is_told(pool):
    """The file with the memory of a domain has its XML too."""
    vm = SavedVm("web", State.RUNNING, definition="<domain/>", memory="_snapshot.s1.memory.web")
    (summary,) = told(pool, SnapshotSpec("shop", "s1", vms=(vm,)))
    assert summary.startswith("the memory of web can't be read: ")
    domain = pool.connect().lookupByName("shop.web")
    domain.create()
    domain.save(f"{pools.path(pool)}/{vm.memory}")
    assert told(pool, SnapshotSpec("shop", "s1", vms=(vm,))) == []


def test_a_host_that_lacks_the_machine_of_a_vm_is_told_with_what_to_do(pool, monkeypatch):
    """The test driver says yes to all of them."""
    lacking = DomainCapabilities(lacks="arch")
    monkeypatch.setattr(domain_capabilities, "look", lambda *_words: lacking)
    definition = "<domain type='test'><os><type arch='vax' machine='pc'>hvm</type></os></domain>"
    vm = SavedVm("web", State.OFF, definition=definition)
    (problem,) = restorable.obstacles(pool.connect(), pool, SnapshotSpec("shop", "s1", vms=(vm,)))
    assert problem.summary.startswith("web is for vax")
    assert problem.hint.startswith("restore it on a host that has that")


UEFI = "<domain type='test'><os{}><type arch='x86_64' machine='q35'>hvm</type>{}</os></domain>"
CHOSEN, LOADER = " firmware='efi'", "<loader>/f/CODE.fd</loader>"


@pytest.mark.parametrize(
    ("definition", "can", "told"),
    [
        (UEFI.format(CHOSEN, ""), DomainCapabilities(firmware=frozenset()), ["web boots by UEFI, which"]),
        (UEFI.format(CHOSEN, ""), DomainCapabilities(firmware=frozenset({"efi"})), []),
        (
            UEFI.format(CHOSEN, LOADER),
            DomainCapabilities(loaders=frozenset({"/f/OTHER.fd"})),
            ["web boots by /f/CODE.fd, which"],
        ),
        (UEFI.format(CHOSEN, LOADER), DomainCapabilities(loaders=frozenset({"/f/CODE.fd"})), []),
        (UEFI.format(CHOSEN, LOADER), DomainCapabilities(), []),
        (UEFI.format("", LOADER), DomainCapabilities(loaders=frozenset()), []),  # an edit chose it
        (UEFI.format("", ""), DomainCapabilities(firmware=frozenset()), []),
    ],
)
def test_a_firmware_that_libvirt_cant_choose_here_is_told(pool, monkeypatch, definition, can, told):
    monkeypatch.setattr(domain_capabilities, "look", lambda *_words: can)
    snapshot = SnapshotSpec("shop", "s1", vms=(SavedVm("web", State.OFF, definition=definition),))
    problems = list(restorable.obstacles(pool.connect(), pool, snapshot))
    assert [each.summary.partition(" this")[0] for each in problems] == told


def test_what_went_while_the_plan_was_asked_about_stops_the_step(world):
    assert world.run() == 0, world.failures()
    vm = SavedVm("db", State.RUNNING, memory="_snapshot.s1.memory.lost")
    snapshot = SnapshotSpec("shop", "s1", vms=(vm,))
    with pytest.raises(LabctlError, match="can't be restored without _snapshot"):
        restore(world.host.connection, world.host.pool("labctl-shop"), snapshot, None)
    assert state_of(world.domain("db")) is State.RUNNING


def test_a_restore_without_all_parts_is_refused_with_the_plan(world):
    assert world.run() == 0, world.failures()
    session = world.session()
    before = SnapshotSpec("shop", "s1", vms=(SavedVm("db", State.RUNNING, memory="_snapshot.s1.memory.db"),))
    made = plan({before.address: replace(before, restored=True)}, {before.address: before})
    (problem,) = preflight.check(session, made, Observed(), Allocation(), Sources()).obstacles
    assert str(problem) == (
        "snapshot/s1: it can't be restored without _snapshot.s1.memory.db "
        "(put it back, or `labctl snapshot delete s1` removes the rest)"
    )


def test_without_room_for_memory_nothing_is_paused(world, monkeypatch):
    """The test driver says that half of the memory is used."""
    assert world.run() == 0, world.failures()
    monkeypatch.setattr(Host, "local", True)
    monkeypatch.setattr("labctl.host.libvirt.pools.free_space", lambda _folder: 95 << 20)
    with pytest.raises(Refused, match="memory and copies take up to 96MiB, and 95MiB are free in "):
        world.run(save_s1)
    assert {state_of(world.domain(name)) for name in ("web-1", "web-2", "db")} == {State.RUNNING}
    world.domain("db").destroy()
    assert world.run(save_s1) == 1, "it got as far as to the pause"
    assert world.failures()


def test_a_snapshot_goes_with_all_of_its_parts_and_no_others(pool):
    for name in ("_snapshot.s1.copy.web.seed", "_snapshot.s1.description", "_snapshot.s10.description"):
        volumes.create(pool, name, capacity=1 << 10)
    before = volumes.names(pool)
    vm = SavedVm("web", State.RUNNING, memory="_snapshot.s1.memory.web")
    snapshot = SnapshotSpec("shop", "s1", vms=(vm,), copies=(Copy("web.seed", "_snapshot.s1.copy.web.seed"),))
    for _ in range(2):  # a run that was killed is done again
        parts.delete(pool, snapshot)
        own = {f"_snapshot.s1.{part}" for part in ("memory.web", "copy.web.seed", "description")}
        assert before - volumes.names(pool) == own


@pytest.mark.parametrize(
    ("vm", "told"),
    [("web", "vm/web: labctl did not make its disk vda"), ("db", "vm/db: someone removed it meanwhile")],
)
def test_what_cant_be_saved_is_told_before_anything_is_done(pool, vm, told):
    before = volumes.names(pool)
    spec = SnapshotSpec("shop", "s2", vms=(SavedVm(vm, State.OFF),))
    with pytest.raises(LabctlError, match=told) as error:
        save(SimpleNamespace(virt=pool.connect()), pool, spec, None)
    assert error.value.hint
    assert volumes.names(pool) == before


def test_after_a_save_that_fails_all_vms_run_as_before(world):
    """The test driver can't save memory to a file, which it says once the VMs are paused."""
    assert world.run() == 0, world.failures()
    world.domain("db").suspend()
    assert world.run(save_s1) == 1
    (failed,) = world.failures()
    assert failed.address == "snapshot/s1"
    states = {name: state_of(world.domain(name)) for name in ("web-1", "web-2", "db")}
    assert states == {"web-1": State.RUNNING, "web-2": State.RUNNING, "db": State.PAUSED}
    assert snapshots.listed(world.session()).snapshots == ()
    pool = world.host.virt.storagePoolLookupByName("labctl-shop")
    assert not [name for name in pool.listVolumes() if name.startswith("_snapshot")]


def test_a_look_at_snapshots_leaves_a_stopped_pool_as_it_is(world):
    assert world.run() == 0, world.failures()
    pool = world.host.virt.storagePoolLookupByName("labctl-shop")
    pool.destroy()
    with pytest.raises(LabctlError, match="shop: its pool is stopped") as error:
        snapshots.listed(world.session())
    assert "`labctl up` starts it" in error.value.hint
    assert not pool.isActive()


def test_a_look_at_snapshots_outlives_a_restart_of_libvirtd(world, monkeypatch):
    assert world.run() == 0, world.failures()
    session = world.session()
    lost = [LabctlError("the connection was lost")]

    def look(*arguments):
        if lost:
            raise lost.pop()
        return observe(*arguments)

    monkeypatch.setattr(snapshots, "observe", look)
    monkeypatch.setattr(session.hosts, "reopen", lambda: True)
    assert snapshots.listed(session).snapshots == ()
