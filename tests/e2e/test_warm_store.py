"""Warm states in the store: who may read them, what stands on them, and how they go."""

import json
import stat
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.labfiles import micro_lab
from tests.e2e.meddled import KILLED, meddled
from tests.schemas import fits

QEMU = 64055  # the uid that Debian gives libvirt-qemu
STORE = Path("/var/lib/libvirt/images/labctl-images")
STATE, DISKS = "warm state of kept", ["labctl-kept/web.data", "labctl-kept/web.root"]


@pytest.fixture
def lab(make_lab, micro, tmp_path):
    """A lab that is saved; labctl has a cache of its own, since `image prune` clears that."""
    web = {"networks": ["front"], "disks": [{"name": "data", "size": "8MiB"}]}
    networks = {"front": {"subnet": "10.95.0.0/24"}}
    content = micro_lab("kept", micro, networks=networks, vms={"web": web}) | {"warm": True}
    made = make_lab(content)
    made.run = partial(made.run, LABCTL_CACHE_DIR=str(tmp_path / "cache"))
    yield made
    made.run("destroy", "--yes", "--warm")


def test_a_warm_state_is_kept_as_long_as_a_disk_stands_on_it(lab):
    lab.up()
    check_private()
    check_stamped(lab)
    assert users(lab) == []
    assert STATE in image(lab)["users"]
    assert "what was saved of the lab on" in lab.ok("destroy", "--yes").stderr
    assert image(lab)["users"] == [STATE]
    refused = lab.run("image", "remove", image(lab)["name"], "--yes")
    assert (refused.code, f"in use by {STATE}" in refused.stderr) == (1, True)

    lab.up()
    check_private()
    assert users(lab) == DISKS
    assert not pruned(lab), "its lab stands on it"
    snapshots_come_and_go(lab)
    assert users(lab) == DISKS
    lab.ok("snapshot", "save", "last")
    lab.destroy()
    assert users(lab) == []
    told = lab.ok("image", "list", "--stored").stdout
    assert [line.split()[0] for line in told.split("\n\n")[1].splitlines()] == ["WARM", "kept"]
    assert "warm states      ok    1 stored" in lab.run("doctor").stdout

    (lab.path.parent / "Labfile.lock").unlink()
    name = image(lab)["name"]
    gone = pruned(lab)
    assert [each.partition(" (")[0] for each in gone][:2] == [STATE, f"image {name}"]
    assert not [*STORE.glob("_warm*")]


def test_a_lab_and_its_warm_state_go_together(lab):
    """Whatever stands on it: layers of snapshots, and the disks below them."""
    lab.up()
    lab.destroy()
    lab.up()
    lab.ok("snapshot", "save", "first")
    assert users(lab) == DISKS
    lab.ok("destroy", "--yes", "--warm")
    assert not [*STORE.glob("_warm*")]
    assert lab.run("plan", "--json").stdout.count('"action": "create"') > 0
    assert "restored from" not in lab.run("plan").stdout


def test_what_a_killed_save_left_goes_with_its_lab(lab):
    """Also the memory alone, which QEMU wrote: libvirt does not notice its file by itself."""
    killed = meddled(lab, "virDomain.resume", "up", "--yes")
    (memory,) = STORE.glob("_warm*")
    assert (killed.code, memory.name.endswith(".memory.web")) == (KILLED, True)
    assert memory.stat().st_blocks * 512 > 1 << 20
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600
    lab.ok("destroy", "--yes")
    assert not [*STORE.glob("_warm*")]


def snapshots_come_and_go(lab):
    lab.ssh("web", "echo then >/srv/file; sync")
    lab.ok("snapshot", "save", "before")
    lab.ssh("web", "echo now >/srv/file; sync")
    lab.ok("snapshot", "restore", "before", "--yes")
    assert lab.ssh("web", "cat /srv/file") == "then\n"
    assert lab.plan() == {}
    lab.ok("snapshot", "delete", "before", "--yes")
    assert lab.ssh("web", "cat /srv/file") == "then\n"
    assert lab.plan() == {}


def check_private():
    """Files of root, or of QEMU's user, that nobody else may open."""
    files = {path.name.split(".", 3)[3]: path.stat() for path in STORE.glob("_warm.*")}
    assert files.keys() == {"description", "memory.web", "disk.web.root", "disk.web.data"}
    assert {name: stat.S_IMODE(each.st_mode) for name, each in files.items() if each.st_mode & 0o077} == {}
    assert {each.st_uid for each in files.values()} <= {0, QEMU}
    assert files["memory.web"].st_uid == 0


def check_stamped(lab):
    """All that it consists of, and the image below its disks, is known again."""
    (described,) = STORE.glob("_warm.kept.*.description")
    parts = {path.name for path in STORE.glob("_warm.*")} - {described.name}
    key = image(lab)["digest"].replace(":", "-")
    assert dict(json.loads(described.read_text())["stamps"]).keys() == {*parts, f"{key}.img"}


def listed(lab):
    found = json.loads(lab.ok("image", "list", "--stored", "--json").stdout)
    fits(found, "images")
    return found


def users(lab) -> list[str]:
    (state,) = listed(lab)["warm_states"]
    assert (state["lab"], state["problem"]) == ("kept", None)
    assert state["stored_bytes"] > 1 << 20
    return state["users"]


def image(lab):
    """The image of the lab's VM."""
    name = Path(lab.content["defaults"]["image"]).name
    return next(each for each in listed(lab)["images"] if each["origin"].endswith(f"/{name}"))


def pruned(lab) -> list[str]:
    return [
        each["what"] for each in json.loads(lab.ok("image", "prune", "--yes", "--json").stdout)["removed"]
    ]
