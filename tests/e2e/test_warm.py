"""Warm labs: what became ready once comes back in seconds, and is what a boot would have given."""

import stat
import time
from pathlib import Path

import pytest

from tests.e2e.labfiles import micro_lab

POOL = Path("/var/lib/libvirt/images/labctl-warm")
STORE = Path("/var/lib/libvirt/images/labctl-images")
KEPT = (
    "description",
    "memory.db",
    "memory.web",
    "disk.db.root",
    "disk.web.root",
    "disk.web.data",
    "disk._volume.shared",
)
WEB = {
    "networks": [{"name": "front", "ip": "10.94.0.10"}],
    "disks": [{"name": "data", "size": "8MiB"}, {"name": "shared", "volume": "shared"}],
    "provision": [
        {"shell": "echo once >>/srv/ran"},
        {"shell": "echo each >>/srv/ran; touch /run/fit", "run": "always"},
    ],
    "ready": [{"exec": "test -e /run/fit"}],
}


@pytest.fixture
def lab(make_lab, micro):
    content = micro_lab(
        "warm",
        micro,
        networks={"front": {"subnet": "10.94.0.0/24"}},
        vms={"web": WEB, "db": {"networks": ["front"], "depends_on": ["web"]}},
        volumes={"shared": {"size": "4MiB"}},
    )
    content["warm"] = True
    yield (made := make_lab(content))
    made.run("destroy", "--yes", "--warm")


def test_a_lab_comes_back_warm(lab):
    first = lab.ok("up", "--yes")
    assert "2 VMs were paused for" in first.stderr
    told = ["vm/web: ready", "note: the lab is ready, and can be used", "+ warm/warm", "warm/warm: saved"]
    assert sorted(told, key=first.stderr.index) == told
    kept = [path.stat() for path in STORE.glob("_warm.warm.*")]
    assert len(kept) == len(KEPT)
    assert {stat.S_IMODE(each.st_mode) for each in kept} == {0o600}, "nobody else reads what a guest knows"
    assert sorted(path.name for path in POOL.glob("web.*")) == [
        "web.console",
        "web.data",
        "web.root",
        "web.seed",
    ]
    lab.ok("plan", "--exit-code")
    lab.ssh("web", "echo mine >/srv/mine; sync")
    keys = lab.ssh("web", "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub 2>/dev/null; hostname")
    gone = lab.ok("destroy", "--yes")
    assert "what was saved of the lab on" in gone.stderr
    assert "restored from" in lab.ok("plan").stdout
    assert "note: the lab came back in " in lab.ok("up", "--yes").stderr
    assert lab.ssh("web", "cat /srv/ran").split() == ["once", "each", "each"]
    assert lab.ssh("web", "ls /srv/mine || echo none").strip().endswith("none")
    assert (
        lab.ssh("web", "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub 2>/dev/null; hostname") == keys
    )
    lab.ok("plan", "--exit-code")
    assert abs(int(lab.ssh("web", "date +%s")) - time.time()) < 30
