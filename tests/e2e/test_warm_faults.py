"""What stands against a warm state is said, and the lab boots; what is broken or killed leaves nothing behind."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.labfiles import Content, Lab, micro_lab, virsh
from tests.e2e.meddled import KILLED, meddled
from tests.e2e.moments import moments

STORE = Path("/var/lib/libvirt/images/labctl-images")
POOL = Path("/var/lib/libvirt/images/labctl-warm")
INSTEAD = re.compile(r"what was saved of it(?: on \d+ \w+ \d+:\d+)?: (.*)")
WRITTEN = "some of its volumes, or of its images, are gone or were written to"
TAKER = (
    "<network><name>taker</name><bridge name='taker0'/><ip address='{}' netmask='255.255.255.0'/></network>"
)
EDITED = "the Labfile says something else now"
ONCE = {"shell": "echo once >>/srv/ran"}
EACH = {"shell": "echo each >>/srv/ran", "run": "always"}
WHO = "cat /etc/machine-id /proc/sys/kernel/hostname /var/lib/cloud/instance-id; cat /etc/dropbear/*_key | md5sum"
FILL = {"shell": "yes labctl | head -c 1048576 >/dev/disk/by-id/virtio-shared; sync"}
FILLED = "md5sum </dev/disk/by-id/virtio-shared"
NUMBER = "head -c 16 /dev/urandom | base64"


@pytest.fixture
def warm(make_lab: Callable[..., Lab]) -> Iterator[Callable[..., Lab]]:
    """Makes labs with `warm: true`, which are destroyed with their warm states."""
    made: list[Lab] = []

    def make(content: Content, *more: Path) -> Lab:
        made.append(make_lab({**content, "warm": True}, *more))
        return made[-1]

    yield make
    for lab in made:
        lab.labctl.kill()
        lab.run("destroy", "--yes", "--warm")


def up(lab: Lab) -> str:
    """Bring it up, after which nothing is left but what runs each time."""
    told = lab.ok("up", "--yes")
    settled(lab)
    return told.stdout + told.stderr


def settled(lab: Lab) -> None:
    lab.ok("plan", "--exit-code")


def parts(lab: str = "warm") -> dict[str, Path]:
    """The files of the warm states in the store, by what they are."""
    return {path.name.split(".", 3)[3]: path for path in STORE.glob(f"_warm.{lab}.*")}


def begins(lab: Lab, *arguments: str) -> str:
    """Why a new lab would not begin with its warm state; empty if it would."""
    told = lab.ok("plan", *arguments)
    instead = INSTEAD.search(told.stderr)
    assert ("restored from" in told.stdout) is (instead is None), told
    return instead[1] if instead else ""


@contextmanager
def kept(path: Path) -> Iterator[None]:
    """A file that is afterwards as if nothing had happened to it meanwhile."""
    copy, had = path.with_name("kept"), path.stat()
    shutil.copy(path, copy)
    yield
    shutil.copy(copy, path)
    copy.unlink()
    os.chown(path, had.st_uid, had.st_gid)
    path.chmod(had.st_mode & 0o777)
    os.utime(path, ns=(had.st_atime_ns, had.st_mtime_ns))
    virsh("pool-refresh", "labctl-images")


def backing(disk: Path) -> Path:
    """The image that a disk stands on; the store has others too, of earlier tests."""
    shown = subprocess.run(["qemu-img", "info", "--output=json", disk], check=True, capture_output=True)
    return Path(json.loads(shown.stdout)["backing-filename"])


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-64, os.SEEK_END)
        file.write(bytes(64))


def test_why_a_lab_boots_although_there_is_a_warm_state_is_said(warm, micro, connection):
    web = {
        "networks": ["front"],
        "provision": [{"copy": {"source": "page", "target": "/srv/page"}}, {"shell": "echo one"}],
        "cloud_init": {"write_files": [{"path": "/srv/colour", "content": "${colour}"}]},
    }
    colour = {"colour": {"default": "red"}}
    lab = warm(micro_lab("warm", micro, networks={"front": {}}, vms={"web": web}, parameters=colour))
    page = lab.path.parent / "page"
    page.write_text("one")
    up(lab)
    subnet = lab.ssh("web", "ip -4 -o addr show scope global").split()[3]
    lab.destroy()
    assert begins(lab) == ""

    web["cpus"] = 2
    assert begins(lab) == EDITED
    web["cpus"] = 1
    lab.content["description"] = "only told"
    assert begins(lab, "--set", "colour=red") == ""
    assert begins(lab, "--set", "colour=rad") == EDITED
    web["provision"][1]["shell"] = "echo two"
    assert begins(lab) == EDITED
    web["provision"][1]["shell"] = "echo one"
    page.write_text("two")
    assert begins(lab) == "what its provisioning steps copy or play is not the same now"
    page.write_text("one")
    assert begins(lab) == ""

    taker = connection.networkCreateXML(TAKER.format(f"{subnet.rpartition('.')[0]}.1"))
    assert begins(lab) == "its addresses are others now, since a subnet that it had is taken"
    taker.destroy()
    assert begins(lab) == ""

    files = parts()
    image = backing(files["disk.web.root"])
    assert sorted(files) == ["description", "disk.web.root", "memory.web"]
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    for part, harm in (
        (f, h) for f in (files["memory.web"], files["disk.web.root"]) for h in (cut, overwritten, Path.unlink)
    ):
        with kept(part):
            harm(part)
            assert begins(lab) == WRITTEN, (part, harm)
        assert begins(lab) == "", part
    with kept(image):
        overwritten(image)
        assert begins(lab), "the image is not sound"
    assert begins(lab) == ""
    with kept(files["description"]):
        overwritten(files["description"])
        assert begins(lab) == "this labctl can't read its description"
        files["description"].unlink()
        assert "restored from" not in lab.ok("plan").stdout
        lab.ok("status")
    assert begins(lab) == ""

    cold = lab.ok("up", "--yes", "--cold")
    assert not INSTEAD.search(cold.stderr)
    assert parts().keys() == files.keys()
    lab.destroy()
    assert begins(lab) == ""


def test_what_comes_back_is_what_a_boot_gives(warm, micro):
    web = {
        "networks": ["front", "back"],
        "firmware": "uefi",
        "memory": "256MiB",
        "disks": [{"name": "data", "size": "8MiB"}],
        "provision": [ONCE, EACH, {"fetch": {"source": "/srv/ran", "target": "fetched"}}],
    }
    networks = {"front": {}, "back": {"mode": "isolated", "subnet": "10.95.0.0/24"}}
    off = {"state": "off", "networks": ["front"]}
    lab = warm(micro_lab("warm", micro, networks=networks, vms={"web": web, "db": off}))
    fetched = lab.path.parent / "fetched"
    up(lab)
    who, there, routes = (
        lab.ssh("web", each) for each in (WHO, "ls /sys/firmware/efi", "ip -o addr; ip route")
    )
    numbers = []
    for _ in range(2):
        lab.destroy()
        fetched.unlink()
        assert begins(lab) == ""
        lab.ok("up", "--yes")
        numbers.append(lab.ssh("web", NUMBER))
        assert abs(int(lab.ssh("web", "date +%s")) - time.time()) < 10
        assert (lab.ssh("web", WHO), lab.ssh("web", "ls /sys/firmware/efi")) == (who, there)
        assert lab.ssh("web", "ip -o addr; ip route") == routes
        assert lab.ssh("web", "cat /srv/ran").split() == ["once", "each", "each"]
        settled(lab)
        assert json.loads(lab.ok("status", "--json").stdout)["vms"][1]["ready"]
        assert fetched.exists()
    lab.ok("snapshot", "save", "s1")
    lab.ssh("web", "echo more >>/srv/ran")
    lab.ok("snapshot", "restore", "s1", "--yes")
    assert lab.ssh("web", "cat /srv/ran").split() == ["once", "each", "each", "each"]
    lab.ok("snapshot", "delete", "s1", "--yes")
    lab.ssh("web", "sed -i '$d' /srv/ran")

    off["memory"] = "96MiB"
    assert {each: did for each, did in lab.plan().items() if did != ["update", "due"]} == {
        "vm/db": ["restart", "memory", "max_memory"]
    }
    off.pop("memory")
    lab.ok("halt")
    up(lab)
    assert (lab.ssh("web", WHO), lab.ssh("web", "cat /srv/ran").split()) == (
        who,
        ["once", "each", "each", "each"],
    )
    lab.ok("reload", "--yes", "web")
    settled(lab)
    assert lab.ssh("web", WHO) == who
    lab.ok("destroy", "--yes", "web")
    again = lab.ok("up", "--yes")
    assert "restored from" not in again.stdout + again.stderr
    settled(lab)
    assert lab.ssh("web", "cat /srv/ran").split() == ["once", "each"]


def plain(micro, name: str = "warm") -> Content:
    """A lab of one VM, with a volume."""
    web = {
        "networks": ["front"],
        "disks": [{"name": "shared", "volume": "shared"}],
        "provision": [ONCE, EACH, FILL],
    }
    networks, volumes = {"front": {}}, {"shared": {"size": "1MiB"}}
    return micro_lab(name, micro, networks=networks, vms={"web": web}, volumes=volumes)


def layers() -> list[str]:
    return [path.name for path in POOL.iterdir() if "_layer-" in path.name]


def test_two_labs_come_back_at_the_same_time(warm, micro, labdir):
    labs = [warm(plain(micro, name), labdir / name) for name in ("warm", "warmer")]
    for lab in labs:
        up(lab)
    for lab in labs:
        lab.destroy()
    running = [lab.start("up", "--yes") for lab in labs]
    told = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    for lab, (out, err) in zip(labs, told, strict=True):
        assert "restored from" in out + err
        settled(lab)
        assert lab.ssh("web", "cat /srv/ran").split() == ["once", "each", "each"]


@pytest.fixture
def small_store() -> Iterator[None]:
    """The folder of the image store is a file system of its own."""
    STORE.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=711,size=400M", "none", str(STORE)], check=True)
    refresh = ["virsh", "pool-refresh", "labctl-images"]
    subprocess.run(refresh, check=False, capture_output=True)  # it may be there already
    yield
    subprocess.run(["umount", "--lazy", str(STORE)], check=True)
    subprocess.run(refresh, check=True, capture_output=True)


FILLER = STORE / "filler"
FULL = f"cat /dev/zero >{FILLER} 2>/dev/null || true"


@pytest.mark.parametrize("call", ["virDomain.create", "virDomain.snapshotCreateXML"])
def test_a_lab_that_cant_be_saved_runs_on(warm, small_store, micro, call):
    """Whether the room vanishes before it is saved or meanwhile."""
    lab = warm(plain(micro))
    told = meddled(lab, call, "up", "--yes", do=FULL)
    FILLER.unlink()
    assert told.code == 0, told
    assert "the lab was not saved" in told.stderr, told
    assert parts() == {}
    assert layers() == []
    settled(lab)
    assert lab.ssh("web", "cat /srv/ran").split() == ["once", "each"]
    lab.destroy()


def test_who_interrupts_the_save_has_a_lab_that_runs(warm, micro):
    lab = warm(plain(micro))
    told = meddled(lab, "virDomain.snapshotCreateXML", "up", "--yes", do="kill -INT $PPID")
    assert told.code == 130, told
    assert "next: the lab is ready; it is saved by the next `labctl up` that makes all of it" in told.stderr
    assert "Traceback" not in told.stderr
    assert parts() == {}
    assert layers() == []
    settled(lab)
    assert lab.ssh("web", "cat /srv/ran").split() == ["once", "each"]


def test_a_save_that_is_killed_anywhere_leaves_no_state_and_a_lab_that_runs(warm, micro):
    """What it left goes with the next save."""
    lab = warm(plain(micro))
    for at in moments(range(16), 2):
        ended = meddled(lab, f"virDomain.suspend+{at}", "up", "--yes")
        if ended.code != KILLED:
            assert ended.code == 0, (at, ended)
            lab.ok("destroy", "--yes", "--warm")
            break
        left = sorted(parts()), layers()
        subprocess.run(
            ["virsh", "dommemstat", "warm.web"], check=False, capture_output=True
        )  # libvirtd goes on
        up(lab)
        assert lab.ssh("web", "cat /srv/ran").split().count("once") == 1, at
        lab.destroy()
        restored = "restored from" in lab.ok("plan").stdout
        assert not restored or "description" in left[0], at
    up(lab)
    assert sorted(parts()) == ["description", "disk._volume.shared", "disk.web.root", "memory.web"]
    assert layers() == []
    lab.destroy()
    lab.ok("image", "prune", "--yes")
    assert parts() == {}


def test_a_lab_that_is_killed_anywhere_while_it_comes_back_is_brought_up(warm, micro):
    """By memory, or from the disks that were saved with it. No step is done twice, and `destroy` leaves nothing."""
    content = plain(micro)
    content["vms"]["db"] = {"provision": [ONCE]}
    lab = warm(content)
    up(lab)
    filled = lab.ssh("web", FILLED)
    lab.destroy()
    for at in moments(range(45), 2):
        ended = meddled(lab, at + 1, "up", "--yes")
        if ended.code != KILLED:
            assert ended.code == 0, (at, ended)
            break
        told = up(lab)
        assert lab.ssh("web", "cat /srv/ran").split().count("once") == 1, (at, told)
        assert lab.ok("exec", "db", "--", "cat", "/srv/ran").stdout.split() == ["once"], (at, told)
        assert lab.ssh("web", FILLED) == filled, (at, told)
        lab.destroy()
        assert not POOL.exists(), at
        assert begins(lab) == "", at


def test_what_was_not_brought_back_when_labctl_was_killed_is_made_from_the_state(warm, micro):
    """A volume that is cut off, and disks that nobody had begun with: the guest boots with what its steps left."""
    content = plain(micro)
    content["volumes"]["shared"]["size"] = "4MiB"
    web = content["vms"]["web"]
    web["disks"].append({"name": "data", "size": "8MiB"})
    web["provision"][-1] = {
        "shell": "for disk in shared data; do yes labctl | head -c 1048576 |"
        " dd of=/dev/disk/by-id/virtio-$disk bs=1M seek=2; done; sync"
    }
    whole = "cat /dev/disk/by-id/virtio-shared /dev/disk/by-id/virtio-data | md5sum"
    lab = warm(content)
    up(lab)
    filled = lab.ssh("web", whole)

    def goes_on(at: str) -> None:
        told = up(lab)
        assert lab.ssh("web", whole) == filled, (at, told)
        assert lab.ssh("web", "cat /srv/ran").split() == ["once", "each", "each"], (at, told)
        lab.destroy()

    lab.destroy()
    for at in ("virStream.sendHole", "virStream.sendHole+1"):  # of the volume: a seed has no holes
        assert meddled(lab, at, "up", "--yes").code == KILLED, at
        goes_on(at)
    for at in (
        f"virStorageVol.upload+{calls}" for calls in range(2, 12)
    ):  # the first one is that of the seed
        assert meddled(lab, at, "up", "--yes").code == KILLED, at
        there = {path.name for path in POOL.glob("*")}
        if "web.root" in there and not there & {"web.data", "_volume.shared"}:
            goes_on(at)
            break
        lab.destroy()
    else:
        pytest.fail("it was never killed between the two")
    assert meddled(lab, "virStream.sendHole", "up", "--yes").code == KILLED
    lab.ok("image", "prune", "--yes")
    assert parts(), "a copy is to be made of it"
    lab.ok("destroy", "--yes", "--warm")
    assert not POOL.exists()
    assert parts() == {}
