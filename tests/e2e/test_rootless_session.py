"""`qemu:///session`, asked for by name: libvirt's own mode for users, in which labs have VMs and no networks."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.harness import daemons
from tests.e2e.labfiles import micro_lab
from tests.e2e.users import lab_of

pytest_plugins = ["tests.e2e.people"]

SESSION = {"LABCTL_CONNECT": "qemu:///session"}
BOOT = "cat /proc/sys/kernel/random/boot_id"
LEAVE = "\x1d"  # Ctrl-]


@pytest.fixture
def daemon(alice):
    """Libvirt's daemon of the user's, which starts by itself, would stay for two minutes; its files and locks stay."""
    yield
    for pid in alice.processes():
        os.kill(pid, signal.SIGTERM)
    daemons.wait_until(lambda: not alice.processes(), "the user's daemon is still there")
    for folder in (".cache", ".config", ".local/share"):
        shutil.rmtree(alice.home / folder / "libvirt", ignore_errors=True)
    for lock in Path("/run/lock").glob("labctl-*"):
        if lock.stat().st_uid == alice.uid:
            lock.unlink()


def test_vms_without_networks(alice, readable, daemon):
    vm = {"disks": [{"name": "data", "size": "1MiB"}]}
    lab = lab_of(alice, micro_lab("alone", readable, networks={}, vms={"web": vm}))

    def ok(*words):
        return lab.ok_with(SESSION, *words)

    assert "of your own" not in ok("up", "--yes").stderr
    assert "nothing to do" in ok("up", "--yes").stderr
    assert "running" in ok("status").stdout
    assert ok("ssh", "web", "--", "hostname").stdout == "web\n"
    assert ok("exec", "--all", "--", "hostname").stdout == "web\n"
    ok("copy", "Labfile.yaml", "web:/srv/file")
    ok("copy", "web:/srv/file", "back")
    assert (lab.labctl.folder / "back").read_bytes() == lab.path.read_bytes()
    ok("exec", "web", "--", "echo it is me >/dev/console")
    console = lab.start("console", "web", stdin=subprocess.PIPE, **SESSION)
    assert "it is me" in console.communicate(LEAVE, timeout=60)[0]
    boot = ok("exec", "web", "--", BOOT).stdout
    ok("snapshot", "save", "before")
    ok("exec", "web", "--", "echo 8 >/srv/mark; sync")
    ok("suspend", "--disk")
    ok("up", "--yes")
    assert ok("exec", "web", "--", f"{BOOT}; cat /srv/mark").stdout == f"{boot}8\n"
    ok("snapshot", "restore", "before", "--yes")
    assert ok("exec", "web", "--", f"{BOOT}; ls /srv").stdout == f"{boot}file\n"
    ok("snapshot", "delete", "before", "--yes")
    ok("destroy", "--yes")
    assert all(path.stat().st_uid == alice.uid for path in lab.labctl.folder.rglob("*"))
    assert not any("qemu-system" in each for each in alice.processes().values())
