"""Folders of the host in guests: one lab and one boot for all; each part is a function of its own."""

import json
import os
import subprocess
from pathlib import Path

from tests.e2e.labfiles import micro_lab, virsh

RSYNC = "/usr/bin/rsync"
LIVE = '/srv/live it\'s \\ "#1"'  # what a shell, fstab and XML each read in their own way
COPY = '/srv/copy it\'s \\ "#1"'


def test_folders_come_stay_and_go(make_lab, micro):
    web = {"networks": ["front"], "folders": [{"source": "live", "target": LIVE}]}
    lab = make_lab(micro_lab("folders", micro, networks={"front": {}}, vms={"web": web}))
    live, copied = lab.path.parent / "live", lab.path.parent / "copied"
    for folder in (live, copied):
        folder.mkdir()
        (folder / "hello").write_text(f"of {folder.name}\n")
    told = lab.ok("plan").stdout
    assert "folder/web/srv/live" in told
    assert "virtiofs (the host can)" in told
    lab.up()
    it_is_mounted(lab, live)
    a_reboot_mounts_it_again(lab)
    a_guest_without_rsync_is_told_of(lab, copied)
    rsync_keeps_a_copy(lab, copied)
    mounts_go_without_a_restart(lab)
    what_a_kernel_lacks_is_told(lab)


def quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"


def boot_id(lab) -> str:
    return lab.ssh("web", "cat /proc/sys/kernel/random/boot_id")


def it_is_mounted(lab, live: Path):
    assert lab.ssh("web", f"cat {quoted(LIVE)}/hello") == "of live\n"
    lab.ssh("web", f"echo there >{quoted(LIVE)}/back")
    assert (live / "back").read_text() == "there\n"
    (live / "later").write_text("later\n")
    assert lab.ssh("web", f"cat {quoted(LIVE)}/later") == "later\n"


def a_reboot_mounts_it_again(lab):
    """The micro guest's init reads no fstab, which `mount -a` does as other guests' do at boot."""
    before = boot_id(lab)
    lab.ok("reload", "--yes", "web")
    assert boot_id(lab) != before
    lab.ssh("web", "mount -a")
    assert lab.ssh("web", f"cat {quoted(LIVE)}/hello") == "of live\n"
    assert lab.ssh("web", "grep -c labctl- /etc/fstab") == "1\n"


def a_guest_without_rsync_is_told_of(lab, copied: Path):
    """It is told before the first change, as a plan tells it."""
    lab.content["vms"]["web"]["folders"].append(
        {"source": "copied", "target": COPY, "owner": "web", "exclude": ["*.o", "!"]}
    )
    (copied / "left.o").write_text("out")
    (copied / ".labctl").mkdir()
    (copied / ".labctl/key").write_text("secret")
    (copied / "outside").symlink_to("/etc/passwd")
    (copied / "inside").symlink_to("hello")
    failed = lab.run("up", "--yes")
    assert failed.code == 1, failed.stderr
    assert f"vms.web.folders: {COPY}: there is no rsync in web" in failed.stderr
    assert "packages: [rsync]" in failed.stderr
    assert lab.ssh("web", f"ls {quoted(COPY)} 2>&1 || true").startswith("ls: ")


def rsync_keeps_a_copy(lab, copied: Path):
    install_rsync(lab)
    failed = lab.run("up", "--yes")
    assert "its guest has no user web" in failed.stderr
    lab.ssh("web", "echo web:x:1234:5678::/:/bin/sh >>/etc/passwd")
    before = boot_id(lab)
    lab.up()
    names = lab.ssh("web", f"ls -A {quoted(COPY)}").split()
    assert names == ["hello", "inside"]
    assert lab.ssh("web", f"stat -c %u:%g {quoted(COPY)}/hello") == "1234:5678\n"
    lab.ssh("web", f"touch {quoted(COPY)}/strange")
    (copied / "hello").write_text("changed\n")
    (copied / "new").write_text("new\n")
    (step,) = json.loads(lab.run("plan", "--json").stdout)["steps"]
    assert (step["address"], step["action"]) == (f"folder/web{COPY}", "update")
    assert step["cause"] == "what is in its source changed"
    lab.up()
    assert lab.ssh("web", f"cat {quoted(COPY)}/hello") == "changed\n"
    assert lab.ssh("web", f"ls -A {quoted(COPY)}").split() == ["hello", "inside", "new"]
    assert boot_id(lab) == before


def install_rsync(lab):
    """As a package would: with the libraries that it needs, of this host."""
    listed = subprocess.run(["ldd", RSYNC], check=True, capture_output=True, text=True).stdout
    needed = {word for word in listed.split() if word.startswith("/")}
    archive = subprocess.run(
        ["tar", "-C", "/", "-ch", RSYNC[1:], *(path[1:] for path in needed)], check=True, capture_output=True
    ).stdout
    place = lab.path.parent / "rsync.tar"
    place.write_bytes(archive)
    with place.open("rb") as file:
        process = lab.start("ssh", "web", "--", "tar -C / -x", stdin=file)
    assert process.wait(120) == 0


def mounts_go_without_a_restart(lab):
    before = boot_id(lab)
    del lab.content["vms"]["web"]["folders"][0]
    lab.up()
    assert boot_id(lab) == before
    assert lab.ssh("web", "grep -c labctl- /etc/fstab || true") == "0\n"
    assert lab.ssh("web", "grep -c virtiofs /proc/mounts || true") == "0\n"
    assert "<filesystem" not in virsh("dumpxml", "folders.web")


def what_a_kernel_lacks_is_told(lab):
    """Debian's cloud kernel has no 9p: the device is there, and the guest can't mount it."""
    lab.content["vms"]["web"]["folders"] = [
        {"source": "live", "target": "/srv/nine", "type": "9p", "readonly": True}
    ]
    failed = lab.run("up", "--yes")
    assert failed.code != 0
    assert "its guest can't mount it by 9p" in failed.stderr
    assert "its kernel may lack 9p" in failed.stderr
    xml = virsh("dumpxml", "folders.web")
    assert "accessmode='mapped'" in xml
    assert "<readonly/>" in xml
    assert os.access(RSYNC, os.X_OK)
