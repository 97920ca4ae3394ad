"""Layers go into what they stand on, as far as nothing needs that as it is."""

import pytest

from labctl.app.merged_layers import merged
from labctl.core.lifecycle import State
from labctl.core.record import replace
from labctl.kinds import addresses
from labctl.kinds.snapshot.spec import Layer, SavedVm, SnapshotSpec
from tests.composed import applied, specs

BROKEN = SnapshotSpec("shop", "s9", problem="it can't be read")


@pytest.fixture
def existing():
    return applied(specs({"vms": {"web": {"image": "debian-12"}}}))


def on(existing, top, *below):
    """What exists once the disk of web goes on in the file `top`, which stands on these."""
    vm = existing[addresses.vm("web")]
    uses = tuple(replace(use, source=top, below=below) for use in vm.disks if use.disk)
    return existing | {vm.address: replace(vm, disks=uses)}


@pytest.mark.parametrize(
    ("held", "lowest"),
    [
        ((), "web.root"),
        (("/p/web.root",), "web.root._layer-00000001"),
        (("/p/web.root._layer-00000001", "/p/web.root"), None),
    ],
)
def test_layers_of_running_vms_are_merged_down_to_what_a_snapshot_needs(existing, held, lowest):
    vm, disk = addresses.vm("web"), addresses.disk("web/root")
    chain = ("/p/web.root._layer-00000001", "/p/web.root", "/store/sha256-aa.img")
    existing = on(existing, "/p/web.root._layer-00000002", *chain)
    if held:
        layer = Layer("web/root", held[0], below=held[1:])
        one = SnapshotSpec("shop", "s1", vms=(SavedVm("web", State.OFF, layers=(layer,)),))
        existing |= {one.address: one}
    found = merged(existing)
    assert found[disk].active_volume == lowest
    off = existing | {vm: replace(existing[vm], state=State.OFF)}
    assert merged(off) == off, "libvirt merges only what runs"
    theirs = existing | {vm: replace(existing[vm], snapshots=(("theirs", "internal"),))}
    assert merged(theirs) == theirs, "a snapshot of virsh may be in a layer"


def test_nothing_is_merged_while_a_snapshot_cant_be_read(existing):
    existing = on(existing, "/p/web.root._layer-00000002", "/p/web.root")
    assert merged(existing) != existing
    existing |= {BROKEN.address: BROKEN}
    assert merged(existing) == existing


@pytest.mark.parametrize("theirs", ["web.e1", "web.root.20261127"])
def test_what_others_put_on_a_disk_is_not_merged(existing, theirs):
    existing = on(existing, f"/p/{theirs}", "/p/web.root")
    assert merged(existing) == existing
