"""A snapshot of a lab with one VM that ran and one that was off."""

import pytest

from labctl.core.lifecycle import State
from labctl.kinds.snapshot.spec import Copy, Layer, SavedNetwork, SavedVm, SnapshotSpec

POOL = "/pools/labctl-shop"


@pytest.fixture
def snapshot():
    web = SavedVm(
        "web",
        State.RUNNING,
        definition="<domain/>",
        layers=(Layer("web/root", f"{POOL}/web.root", below=("/store/x.img",)),),
        memory="_snapshot.s1.memory.web",
    )
    return SnapshotSpec(
        "shop",
        "s1",
        message="“fine”",
        taken="2026-11-26T12:03:09+00:00",
        paused_s=0.61,
        ancestors=("s0",),
        vms=(web, SavedVm("db", State.OFF, autostart=True, layers=(Layer("db/root", f"{POOL}/db.root"),))),
        saved_networks=(SavedNetwork("front", definition="<network/>"),),
        copies=(Copy("web.seed", "_snapshot.s1.copy.web.seed"),),
        made_by="libvirt 9.0.0, QEMU 7.2.22",
    )
