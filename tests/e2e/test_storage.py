"""Disks and images that someone else works on: snapshots, copies, damage, strangers, domains behind labctl's back."""

import hashlib
import json
import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from labctl.host.files.iso import cidata
from tests.e2e.harness import daemons
from tests.e2e.labfiles import blank_lab, micro_lab, virsh

POOL = Path("/var/lib/libvirt/images/labctl-shop")
STORE = Path("/var/lib/libvirt/images/labctl-images")


@pytest.fixture
def elsewhere(tmp_path_factory):
    """A folder in no storage pool."""
    return tmp_path_factory.mktemp("elsewhere")


def off_lab(**vms):
    """VMs that are defined and never started."""
    lab = blank_lab("shop", networks={}, vms={name: {"state": "off", **vm} for name, vm in vms.items()})
    lab["defaults"]["cloud_init"] = False
    return lab


def snapshot(name: str, *disks: str, domain: str = "shop.web") -> None:
    """An external snapshot of the disks at these targets, as `vda` or `vda,file=/x`; of the others none."""
    listed = [line.split()[0] for line in virsh("domblklist", domain).splitlines() if line.strip()]
    specs = [*disks, *(f"{each},snapshot=no" for each in listed if each not in {d[:3] for d in disks})]
    options = [word for spec in specs for word in ("--diskspec", spec)]
    virsh("snapshot-create-as", domain, name, "--disk-only", *options)


def sources(domain: str = "shop.web") -> dict[str, str]:
    rows = [line.split() for line in virsh("domblklist", domain).splitlines() if line.strip()]
    return {row[0]: row[1] for row in rows}


def capacity(path: Path | str) -> int:
    told = subprocess.run(["qemu-img", "info", "-U", "--output=json", path], check=True, capture_output=True)
    return json.loads(told.stdout)["virtual-size"]


def test_a_disk_goes_on_where_a_snapshot_put_it(make_lab, micro, elsewhere):
    """What a guest wrote after someone's snapshot is there after `up`, a reload, a new NIC and more room."""
    vms = {"web": {"networks": ["back"], "disks": [{"name": "data", "size": "8MiB"}]}}
    lab = make_lab(micro_lab("shop", micro, networks={"back": {"mode": "isolated"}, "side": {}}, vms=vms))
    lab.up()
    copy, top = elsewhere / "data.qcow2", elsewhere / "top.qcow2"
    snapshot("e1", "vda", f"vdb,file={top}")
    lab.ssh("web", "echo kept >/srv/file; echo data | dd of=/dev/disk/by-id/virtio-data conv=fsync; sync")
    virsh("shutdown", "shop.web")
    daemons.wait_until(lambda: virsh("domstate", "shop.web").strip() == "shut off", "it does not shut down")

    planned = lab.ok("plan", "--json")
    assert [step["destructive"] for step in json.loads(planned.stdout)["steps"]] == [False]
    assert "e1 (external)" in planned.stderr
    assert str(POOL / "web.e1") in planned.stderr
    lab.ok("up")  # nobody is asked, since nothing is lost
    assert sources() == {"vda": str(POOL / "web.e1"), "vdb": str(top), "vdc": str(POOL / "web.seed")}
    assert lab.ssh("web", "cat /srv/file; head -c 5 /dev/disk/by-id/virtio-data") == "kept\ndata\n"
    assert lab.plan() == {}
    (vm,) = json.loads(lab.ok("status", "--json").stdout)["vms"]
    assert vm["moved"] == {"root": str(POOL / "web.e1"), "data": str(top)}
    assert vm["snapshots"] == ["e1"]

    web = lab.content["vms"]["web"]
    web["networks"] = ["back", "side"]
    web["disks"] = [{"name": "data", "size": "16MiB"}]
    lab.up()
    assert lab.ssh("web", "blockdev --getsize64 /dev/disk/by-id/virtio-data") == f"{16 << 20}\n"
    assert (capacity(top), capacity(POOL / "web.data")) == (16 << 20, 8 << 20)
    lab.ok("reload", "--yes")
    assert lab.ssh("web", "cat /srv/file") == "kept\n"

    virsh("blockcopy", "shop.web", "vdb", str(copy), "--wait", "--pivot", "--transient-job")
    refused = lab.run("up")
    assert refused.code == 2
    assert f"lose with vm/web what is in {copy}" in refused.stderr
    assert sources()["vdb"] == str(copy)
    left = lab.ok("destroy", "--yes")
    assert "e1 (external)" in left.stderr
    assert top.exists()
    assert not POOL.exists()


def test_an_internal_snapshot_is_named(make_lab):
    lab = make_lab(off_lab(web={}))
    lab.up()
    virsh("snapshot-create-as", "shop.web", "i1")
    assert "i1 (internal)" in lab.ok("plan").stderr
    assert "i1" in lab.ok("status").stderr
    assert "its snapshots are deleted with it: i1 (internal)" in lab.ok("destroy", "--yes").stderr


def test_an_overlay_that_is_in_no_pool_grows_only_under_a_running_vm(make_lab, elsewhere):
    lab = make_lab(off_lab(web={}))
    lab.up()
    snapshot("e1", f"vda,file={elsewhere}/top.qcow2")
    lab.content["defaults"]["disk"] = "2MiB"
    refused = lab.run("up")
    assert refused.code == 1
    assert "which is in no storage pool" in refused.stderr
    lab.content["defaults"]["disk"] = "1MiB"
    snapshot("e2", f"vda,file={POOL}/web.e2")
    lab.content["defaults"]["disk"] = "3MiB"
    lab.up()
    assert (capacity(POOL / "web.e2"), capacity(POOL / "web.root")) == (3 << 20, 1 << 20)
    lab.content["defaults"]["disk"] = "2MiB"
    assert "can't shrink from 3MiB to 2MiB" in lab.run("up").stderr


def test_overlays_go_with_the_disk_that_they_stand_on(make_lab):
    """Also when it is replaced: on other ground they are nonsense."""
    data = [{"name": "data", "size": "1MiB"}]
    lab = make_lab(off_lab(web={"disks": data}))
    lab.up()
    snapshot("e1", "vdb")
    lab.content["vms"]["web"]["disks"] = []
    assert lab.run("up").code == 2
    assert f"deleted with it: {POOL}/web.e1" in lab.ok("up", "--yes").stderr
    assert {path.name for path in POOL.iterdir()} == {"web.root"}
    assert lab.plan() == {}


def test_nobody_guesses_on_which_overlay_an_undefined_vm_went_on(make_lab):
    lab = make_lab(off_lab(web={}))
    lab.up()
    snapshot("e1", "vda")
    virsh("undefine", "shop.web", "--snapshots-metadata")
    refused = lab.run("up", "--yes")
    assert refused.code == 1
    assert "web.e1 stands on it" in refused.stderr
    assert (POOL / "web.e1").exists()


@pytest.mark.parametrize("running", [True, False])
def test_a_disk_is_not_removed_under_a_domain_that_is_not_the_labs(make_lab, running):
    lab = make_lab(off_lab(web={}))
    lab.up()
    root = ET.fromstring(virsh("dumpxml", "shop.web"))
    virsh("undefine", "shop.web")
    for tag in ("metadata", "uuid"):
        root.remove(root.find(tag))
    root.find("name").text = "other"
    definition = lab.labctl.folder / "other.xml"
    definition.write_text(ET.tostring(root, encoding="unicode"))
    virsh("define", str(definition))
    if running:
        virsh("start", "other")
    refused = lab.run("destroy", "--yes")
    assert refused.code == 1, refused
    assert "the domain other, which the plan does not change" in refused.stderr
    assert (POOL / "web.root").exists()
    if running:
        virsh("destroy", "other")
    virsh("undefine", "other")


def test_a_disk_whose_file_was_removed_is_made_anew(make_lab):
    lab = make_lab(off_lab(web={}))
    lab.up()
    (POOL / "web.root").unlink()
    assert lab.plan() == {"disk/web/root": ["create"], "vm/web": ["replace", "disk/web/root"]}
    lab.up()
    assert (POOL / "web.root").exists()


def test_a_strangers_file_in_the_pool_stays(make_lab):
    """Whatever it is called; `destroy` says what stays, and why."""
    lab = make_lab(off_lab(web={}))
    lab.up()
    for name in ("backup.qcow2", "notes"):
        (POOL / name).write_text("mine")
    virsh("pool-refresh", "labctl-shop")
    assert "backup.qcow2, notes" in lab.ok("up").stderr
    assert lab.plan() == {}
    left = lab.ok("destroy", "--yes")
    assert f"{POOL} stays, since it holds what labctl did not make: backup.qcow2, notes" in left.stderr
    assert {path.name for path in POOL.iterdir()} == {"backup.qcow2", "notes"}
    assert "labctl-shop" not in virsh("pool-list", "--all")
    for path in POOL.iterdir():
        path.unlink()
    POOL.rmdir()


@pytest.fixture
def image(labdir):
    """A qcow2 of the user's, which the store forgets afterwards."""
    file = labdir / "base.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", file, "4M"], check=True)
    subprocess.run(["qemu-io", "-c", "write -P 7 0 1M", file], check=True, capture_output=True)
    yield file
    for path in (stored(file), stored(file, "ok"), stored(file, "seen")):
        path.unlink(missing_ok=True)
    virsh("pool-refresh", "labctl-images")


def stored(file: Path, suffix: str = "img") -> Path:
    """Where the store has it."""
    return STORE / f"sha256-{hashlib.sha256(file.read_bytes()).hexdigest()}.{suffix}"


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path) -> None:
    """One byte, and the mtime as it was."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(("harm", "looks"), [(cut, "damaged"), (flip, ""), (Path.unlink, "missing")])
def test_a_damaged_image_is_had_again(make_lab, image, harm, looks):
    """Before anything is built on it; what stands on it is named, and works again."""
    lab = make_lab(off_lab(web={"image": "./base.qcow2", "disk": "4MiB"}))
    lab.up()
    harm(stored(image))
    told = f"image base.qcow2, on which web stands, is {looks} in the store"
    assert (told in lab.ok("status").stderr) == bool(looks)  # neither reads it
    listed = json.loads(lab.ok("image", "list", "--stored", "--json").stdout)["images"]
    assert [each["state"] for each in listed if each["name"] == "base.qcow2"] == [looks or None]
    assert lab.plan() == {"image/base.qcow2": ["update", "sound"]}
    healed = lab.ok("up")
    assert "damaged in the store" in healed.stderr
    assert "labctl-shop/web.root" in healed.stderr
    assert stored(image).read_bytes() == image.read_bytes()
    assert lab.plan() == {}
    subprocess.run(["qemu-io", "-c", "read -P 7 0 1M", POOL / "web.root"], check=True, capture_output=True)


def test_an_image_is_read_again_only_when_it_changed(make_lab, image):
    lab = make_lab(off_lab(web={"image": "./base.qcow2", "disk": "4MiB"}))
    lab.up()
    file, seen = stored(image), stored(image, "seen")
    first = seen.read_bytes()
    os.utime(file, ns=(1, file.stat().st_mtime_ns))  # an atime, and with it a ctime
    assert lab.plan() == {}
    assert seen.read_bytes() != first
    second = seen.stat()
    file.read_bytes()
    assert lab.plan() == {}
    assert seen.stat().st_mtime_ns == second.st_mtime_ns
    seen.unlink()  # as of an image that an older labctl stored
    assert lab.plan() == {}
    assert seen.exists()
    os.utime(file, ns=(1, 1))
    assert "was changed in the store; `labctl plan` tells" in lab.ok("status").stderr
    assert lab.plan() == {}
    assert "in the store" not in lab.ok("status").stderr
    flip(file)
    assert lab.labctl("image", "verify").code == 1
    assert "is damaged in the store" in lab.ok("status").stderr  # what was found once is known
    assert lab.plan() == {"image/base.qcow2": ["update", "sound"]}


def test_an_iso_is_a_raw_image(make_lab, labdir):
    """Libvirt takes its content for a format of its own, which QEMU has no driver for."""
    iso = cidata({"user-data": "x" * 100_000})
    (labdir / "x.iso").write_bytes(iso)
    lab = make_lab(off_lab(web={"image": "./x.iso", "disks": [{"name": "tools", "image": "./x.iso"}]}))
    del lab.content["defaults"]["disk"]
    lab.up()
    for name in ("web.root", "web.tools"):
        told = subprocess.run(
            ["qemu-img", "info", "--output=json", POOL / name], check=True, capture_output=True
        )
        assert json.loads(told.stdout)["backing-filename-format"] == "raw"
        assert json.loads(told.stdout)["virtual-size"] == len(iso)
    lab.content["vms"]["web"]["state"] = "running"
    lab.ok("up")


def test_what_guests_write_to_a_shared_volume_says_nothing_of_its_format(make_lab):
    """Were it the header of a qcow2, with another size and a file below it."""
    lab = make_lab(off_lab(web={"disks": [{"name": "data", "volume": "shared"}]}))
    lab.content["volumes"] = {"shared": {"size": "1MiB"}}
    lab.up()
    volume = POOL / "_volume.shared"
    header = lab.labctl.folder / "header"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", header, "8G"], check=True)
    with volume.open("r+b") as file:
        file.write(header.read_bytes()[: 1 << 20])
    virsh("pool-refresh", "labctl-shop")
    assert lab.plan() == {}
    lab.content["volumes"]["shared"]["size"] = "2MiB"
    refused = lab.run("up")
    assert refused.code == 1
    assert "its guests wrote what libvirt takes for qcow2" in refused.stderr
