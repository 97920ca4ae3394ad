"""What overlays were put on, as libvirt's snapshots tell it."""

import pytest

from labctl.kinds.vm import backing_chains
from labctl.kinds.vm.disks_and_nics import DiskUse
from labctl.kinds.vm.spec import VmSpec

POOL = "/images/labctl-shop"


def snapshot(name: str, overlay: str, below: str, kind: str = "external", memory: str = "no") -> str:
    return (
        f"<domainsnapshot><name>{name}</name><memory snapshot='{memory}'/>"
        f"<disks><disk name='vda' snapshot='{kind}'><source file='{overlay}'/></disk></disks>"
        f"<domain><devices><disk><source file='{below}'/><target dev='vda'/></disk></devices></domain>"
        "</domainsnapshot>"
    )


SNAPSHOTS = (
    snapshot("e2", "/srv/e2", f"{POOL}/web.e1"),
    snapshot("e1", f"{POOL}/web.e1", f"{POOL}/web.root"),
)


def seen(source: str, *below: str) -> DiskUse:
    """The root disk of a VM that is defined with it there, once its chain is completed by these snapshots."""
    vm = VmSpec("shop", "web", disks=(DiskUse("root", source, below=below),))
    made = backing_chains.layers_below(SNAPSHOTS)
    (disk,) = backing_chains.completed(vm, lambda path: made.get(path, ())).disks
    return disk


def test_snapshots_tell_what_their_overlays_stand_on():
    disk = seen("/srv/e2")
    assert disk.below == (f"{POOL}/web.e1", f"{POOL}/web.root")
    assert disk.disk == "web/root"


def test_what_the_definition_tells_is_completed():
    assert seen("/srv/e2", f"{POOL}/web.e1").below == (f"{POOL}/web.e1", f"{POOL}/web.root")


@pytest.mark.parametrize("source", ["/srv/copy", f"{POOL}/web.root"])
def test_what_no_snapshot_made_stands_on_nothing(source):
    assert seen(source).below == ()


def test_a_circle_of_files_ends():
    vm = VmSpec("shop", "web", disks=(DiskUse("root", "/a"),))
    (disk,) = backing_chains.completed(vm, lambda path: ("/b",) if path == "/a" else ("/a",)).disks
    assert len(disk.below) < backing_chains.LONGEST + 1


@pytest.mark.parametrize(
    ("kind", "memory", "told"),
    [
        ("external", "no", "external"),
        ("internal", "no", "internal"),
        ("internal", "internal", "internal"),
        ("no", "internal", "internal"),
        ("external", "external", "external"),
    ],
)
def test_a_snapshot_is_internal_as_soon_as_anything_of_it_is(kind, memory, told):
    assert backing_chains.snapshot_kinds([snapshot("s", "/srv/s", "/srv/x", kind, memory)]) == (("s", told),)
