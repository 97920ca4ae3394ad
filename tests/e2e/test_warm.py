"""Warm labs: what became ready once comes back in seconds, and is what a boot would have given."""

import os
import stat
import time
from pathlib import Path

import pytest

from labctl.core import identity
from tests.e2e.labfiles import micro_lab, virsh

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
        {"fetch": {"source": "/etc/hostname", "target": "fetched"}},
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


@pytest.fixture
def saved(make_lab, micro):
    """A lab of one VM that was saved, and was destroyed."""
    networks = {"front": {"subnet": "10.94.0.0/24"}}
    made = make_lab(
        micro_lab("warm", micro, networks=networks, vms={"web": WEB | {"disks": []}}) | {"warm": True}
    )
    made.ok("up", "--yes")
    made.ok("destroy", "--yes")
    yield made
    made.run("destroy", "--yes", "--warm")


def test_a_lab_comes_back_warm(lab):
    first = lab.ok("up", "--yes")
    assert "2 VMs were paused for" in first.stderr
    told = [
        "vm/web: ready",
        "note: the lab is ready, and can be used",
        "+ warm/warm",
        "warm/warm: the lab was saved; 2 VMs",
    ]
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
    bridge = Path("/sys/class/net") / identity.bridge_name("warm", "front") / "address"
    host = bridge.read_text()
    gone = lab.ok("destroy", "--yes")
    assert "what was saved of the lab on" in gone.stderr
    assert "restored from" in lab.ok("plan").stdout
    assert "note: the lab came back in " in lab.ok("up", "--yes").stderr
    assert bridge.read_text() == host, "guests have it in their caches"
    assert lab.ssh("web", "cat /srv/ran").split() == ["once", "each", "each"]
    assert lab.ssh("web", "ls /srv/mine || echo none").strip().endswith("none")
    assert (
        lab.ssh("web", "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub 2>/dev/null; hostname") == keys
    )
    lab.ok("plan", "--exit-code")
    assert abs(int(lab.ssh("web", "date +%s")) - time.time()) < 30


def test_a_vm_whose_memory_qemu_refuses_boots_from_its_saved_disk(saved):
    """QEMU finds it only while it loads, and exits. The next new lab is saved anew."""
    memory = STORE / next(STORE.glob("_warm.warm.*.memory.web")).name
    had, content = memory.stat(), memory.read_bytes()
    with memory.open("r+b") as file:
        file.seek(content.index(b"QEVM"))  # what QEMU wrote begins with that
        file.write(bytes(4))
    os.utime(memory, ns=(had.st_atime_ns, had.st_mtime_ns))
    assert "restored from" in saved.ok("plan").stdout
    booted = saved.ok("up", "--yes")
    assert "its saved memory can't be restored, so it boots" in booted.stderr
    assert "random numbers" not in booted.stderr
    assert saved.ssh("web", "cat /srv/ran").split() == ["once", "each", "each"]
    saved.ok("plan", "--exit-code")
    saved.ok("destroy", "--yes")
    assert "are gone or were written to" in saved.ok("plan").stderr
    assert "warm/warm: the lab was saved" in saved.ok("up", "--yes").stderr
    assert memory.exists()


def test_memory_does_not_come_back_over_a_disk_that_stayed(saved):
    """The domain and the pool were undefined, and nothing showed that the folder was there still."""
    saved.ok("up", "--yes")
    saved.ssh("web", "echo mine >/srv/mine; sync")
    virsh("destroy", "warm.web")
    virsh("undefine", "warm.web")
    virsh("pool-destroy", "labctl-warm")
    virsh("pool-undefine", "labctl-warm")
    refused = saved.run("up", "--yes")
    assert refused.code == 1
    assert f"{POOL}/web.root is there already, to which the lab's saved memory does not fit" in refused.stderr
    saved.ok("up", "--yes", "--cold")
    assert saved.ssh("web", "cat /srv/mine").strip() == "mine"


def test_a_vm_that_was_not_made_on_its_disk_that_was_runs_no_step_twice(saved):
    """As after an `up` that was ended between the two. What was fetched is fetched again: a new clone lacks it."""
    fetched = saved.labctl.folder / "fetched"
    fetched.unlink()
    saved.ok("up", "--yes")
    assert fetched.read_text() == "web\n"
    saved.ssh("web", "sync")
    for call in ("destroy", "undefine"):
        virsh(call, "warm.web")
    fetched.unlink()
    assert "provision/web/1" not in saved.ok("plan").stdout
    saved.ok("up", "--yes")
    assert saved.ssh("web", "cat /srv/ran").split() == ["once", "each", "each", "each"]
    assert fetched.exists()
    saved.ok("plan", "--exit-code")
