"""A save for which the pool has no room: it says so, all VMs run as before, and nothing of it is left."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.labfiles import Lab, micro_lab, virsh
from tests.e2e.meddled import meddled
from tests.e2e.test_snapshots import BLANK, POOL, snapshots, states

BOOT = "cat /proc/sys/kernel/random/boot_id"
FILLER = POOL / "filler"
FULL, ROOMY = f"cat /dev/zero >{FILLER} 2>/dev/null || true", f"rm -f {FILLER}"
WITHOUT_ROOM = {  # the call before which the room vanishes → what is told then
    "virStoragePool.createXML": "_snapshot.s1.copy.web.seed was not written to its end",
    "virDomain.snapshotCreateXML": "No space left on device",
    "virDomain.resume": "_snapshot.s1.description was not written to its end",
}


def shell(command: str) -> None:
    subprocess.run(["sh", "-c", command], check=True)


@pytest.fixture
def small_pool() -> Iterator[None]:
    """The folder of the lab's pool is a file system of its own, in which QEMU may have files open to the end."""
    POOL.mkdir()
    shell(f"mount -t tmpfs -o mode=711,size=300M none {POOL}")
    yield
    shell(f"umount --lazy {POOL}")


def test_a_save_without_room_changes_nothing(make_lab, small_pool, micro):
    """Whether that is known beforehand, or the room vanishes while it is taken."""
    vms = {"web": {"networks": ["front"]}, "db": BLANK, "spare": {**BLANK, "state": "off"}}
    lab = make_lab(micro_lab("time", micro, networks={"front": {}}, vms=vms))
    lab.up()
    lab.ssh("web", "dd if=/dev/urandom of=/srv/file bs=1M count=2; sync")
    before = as_it_is(lab)
    shell(FULL)
    refused = lab.run("snapshot", "save")
    assert refused.code == 1, refused
    assert "memory and copies take up to" in refused.stderr
    assert "nothing was changed" in refused.stderr
    for call, told in WITHOUT_ROOM.items():
        shell(ROOMY)
        assert as_it_is(lab) == before
        failed = meddled(lab, call, "snapshot", "save", do=FULL)
        assert failed.code == 1, failed
        assert told in failed.stderr
        assert "free some disk space" in failed.stderr
    shell(ROOMY)
    assert as_it_is(lab) == before
    lab.ssh("web", "dd if=/dev/zero of=/srv/more bs=1M count=2; sync")
    lab.ok("snapshot", "save")


def as_it_is(lab: Lab) -> dict[str, Any]:
    """What a save that failed leaves as it is."""
    return {
        "snapshots": snapshots(lab)["snapshots"],
        "states": states(lab),
        "plan": lab.plan(),
        "boot": lab.ssh("web", BOOT),
        "content": lab.ssh("web", "echo 3 >/proc/sys/vm/drop_caches; sha256sum /srv/file"),
        "disks": [virsh("domblklist", f"time.{vm}") for vm in states(lab)],
        "files": {path.name for path in POOL.iterdir()},
    }
