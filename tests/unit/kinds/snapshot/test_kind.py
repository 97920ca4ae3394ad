"""Which snapshots a look at the lab's pool finds."""

from types import SimpleNamespace

from labctl.core.found import Found
from labctl.core.record import replace
from labctl.host.libvirt import pools
from labctl.host.libvirt.look import Contents
from labctl.host.libvirt.volumes import Facts
from labctl.kinds.snapshot import parts
from labctl.kinds.snapshot.kind import SNAPSHOT
from labctl.kinds.snapshot.spec import Layer
from tests.unit.kinds.snapshot.conftest import POOL


def look(*names):
    """A look at a pool with these volumes, which take 1, 2, 4, … bytes."""
    found = tuple(Facts(name, f"{POOL}/{name}", allocation=1 << n) for n, name in enumerate(names))
    return SimpleNamespace(
        virt=None, lab="shop", contents=Contents(POOL, active=True, persistent=True, volumes=found)
    )


def test_without_a_pool_or_a_description_there_is_none():
    assert SNAPSHOT.observe(SimpleNamespace(contents=None)) == Found()
    assert SNAPSHOT.observe(look("web.root", "_snapshot.s1.memory.web")) == Found()


def test_its_size_is_that_of_its_parts_and_layers_without_the_disks_themselves(snapshot, monkeypatch):
    web, db = snapshot.vms
    upper = Layer("web/root", f"{POOL}/web.root._layer-00000001", below=(f"{POOL}/web.root",))
    snapshot = replace(snapshot, vms=(replace(web, layers=(upper,)), db))
    monkeypatch.setattr(pools, "require", lambda _virt, name: name)
    monkeypatch.setattr(
        parts, "read", lambda _virt, pool, _lab, name: {("labctl-shop", "s1"): snapshot}[pool, name]
    )
    counted = ("_snapshot.s1.description", "_snapshot.s1.memory.web", "web.root._layer-00000001")
    others = ("db.root", "web.root", "_snapshot.s10.memory.web", "web.root._layer-00000002")
    (found,) = SNAPSHOT.observe(look(*counted, *others)).specs
    assert (found, found.size) == (snapshot, 1 + 2 + 4)


def test_a_description_that_a_killed_run_left_half_written_is_no_snapshot(monkeypatch):
    monkeypatch.setattr(pools, "require", lambda _virt, name: name)
    monkeypatch.setattr(parts, "read", lambda *_arguments: None)
    assert SNAPSHOT.observe(look("_snapshot.s1.description")) == Found()
