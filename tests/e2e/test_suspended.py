"""VMs whose memory is on the host's disk: saved, resumed, and what stands in the way of that."""

import json
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labctl.host.files import runtime
from tests.e2e.harness import daemons
from tests.e2e.labfiles import Lab, blank_lab, micro_lab, virsh

SAVES = Path("/var/lib/libvirt/qemu/save")  # where libvirt saves memory
PORT = 18080
BOOT = "cat /proc/sys/kernel/random/boot_id"
NUMBER, NUMBERS = "dd bs=16 count=1 </dev/urandom 2>/dev/null | base64", "/run/numbers"
PERL = ("/usr/bin/perl", "/lib/x86_64-linux-gnu/libm.so.6")  # what it needs beside what the guest has
EVENTS = 25  # of suspending the blank lab, and a few more


def test_memory_is_kept_on_the_hosts_disk(make_lab, micro, tmp_path):
    """One boot of two guests; each step is a sentence of it."""
    lab = make_lab(
        micro_lab(
            "kept",
            micro,
            networks={"front": {}, "back": {"mode": "isolated"}},  # web has db's name in its hosts file
            vms={
                "web": {"networks": ["front", "back"], "forwards": [f"{PORT}:8000"], "depends_on": ["db"]},
                "db": {"networks": ["back"]},
            },
        )
    )
    lab.up()
    boots = {vm: lab.ssh(vm, BOOT) for vm in ("web", "db")}
    lab.ssh("web", "echo 7 >/run/mark; (while :; do echo hello | nc -l -p 8000; done) >/dev/null 2>&1 &")

    all_are_saved_and_resumed(lab, boots)
    a_reboot_of_the_host_keeps_them(lab, boots)
    a_full_disk_stops_nobody(lab, boots)
    what_changes_meanwhile_is_shown(lab, boots)
    no_two_restores_share_random_numbers(lab, tmp_path)
    lab.destroy()


def all_are_saved_and_resumed(lab: Lab, boots: dict[str, str]) -> None:
    lab.ssh("web", "date -s @1000000000")
    assert shared_connections()
    told = lab.ok("suspend", "--disk")
    assert not shared_connections(), "who comes next makes a new one"
    assert told.stderr.count("saved") >= 2, told.stderr
    assert states(lab) == {"web": "saved", "db": "saved"}
    assert {each.name for each in SAVES.iterdir()} == {"kept.web.save", "kept.db.save"}
    assert all(each.stat().st_mode & 0o77 == 0 for each in SAVES.iterdir()), "nobody else's"
    refused = lab.run("ssh", "web", "--", "true")
    assert (refused.code, "it is saved" in refused.stderr) == (1, True)
    assert "`labctl resume web` resumes it" in refused.stderr
    assert lab.plan() == {f"vm/{name}": ["update", "state", "ready"] for name in ("db", "web")}
    assert "nothing to do" in lab.ok("suspend", "--disk").stderr
    lab.ok("resume")
    goes_on(lab, boots)


def a_reboot_of_the_host_keeps_them(lab: Lab, boots: dict[str, str]) -> None:
    """Libvirtd begins anew, and the networks are off."""
    lab.ok("suspend", "--disk")
    virsh("net-destroy", "kept.front")
    daemons.restart()
    assert states(lab) == {"web": "saved", "db": "saved"}
    lab.ok("resume")
    goes_on(lab, boots)


def a_full_disk_stops_nobody(lab: Lab, boots: dict[str, str]) -> None:
    with full(SAVES):
        failed = lab.run("suspend", "--disk")
    assert failed.code == 1, failed
    assert failed.stderr.count("its memory can't be saved") == 2, failed.stderr
    assert "it is running as before" in failed.stderr
    assert "is there room?" in failed.stderr
    assert not list(SAVES.iterdir())
    assert lab.plan() == {f"vm/{name}": ["update", "ready"] for name in ("db", "web")}, (
        "their clocks are late"
    )
    lab.up()
    goes_on(lab, boots)


def what_changes_meanwhile_is_shown(lab: Lab, boots: dict[str, str]) -> None:
    """A name costs nothing; another device costs the memory, which is asked for."""
    lab.ok("suspend", "--disk", "web")
    assert states(lab) == {"web": "saved", "db": "running"}
    lab.content["vms"]["web"]["networks"].append({"name": "front", "nic": "more"})
    refused = lab.run("up")
    assert (refused.code, "its saved memory" in refused.stderr) == (2, True), refused
    lab.content["vms"]["web"]["networks"].pop()
    lab.content["vms"]["cache"] = {"image": "none", "disk": "1MiB", "networks": ["front"]}
    lab.up()
    goes_on(lab, boots)


def no_two_restores_share_random_numbers(lab: Lab, tmp_path: Path) -> None:
    """The guest's kernel has no driver for the generation ID, so labctl asks it to begin anew: by perl."""
    told = lab.run("suspend", "--disk", "web"), lab.run("resume", "web")
    assert "random numbers" in told[1].stderr, "it has no python3 and no perl yet"
    for path in PERL:
        lab.ok("copy", path, f"web:{path}")
    lab.ssh("web", "chmod 755 /usr/bin/perl; perl -e 1")
    lab.ssh("web", f"(while :; do {NUMBER} >>{NUMBERS}; sleep 0.05; done) >/dev/null 2>&1 &")
    lab.ssh("web", f"until [ -s {NUMBERS} ]; do sleep 0.1; done")
    lab.ok("suspend", "--disk", "web")
    shutil.copy(SAVES / "kept.web.save", tmp_path)
    all_of_them, since_ready = [], []
    for _ in range(2):
        resumed = lab.ok("resume", "web")
        assert "random numbers" not in resumed.stderr, resumed.stderr
        before = lab.ssh("web", f"cat {NUMBERS}").split()
        lab.ssh("web", f"until [ $(wc -l <{NUMBERS}) -gt {len(before) + 20} ]; do sleep 0.1; done")
        all_of_them.append(set(lab.ssh("web", f"cat {NUMBERS}").split()))
        since_ready.append(all_of_them[-1] - set(before))
        lab.ok("suspend", "--disk", "web")
        shutil.copyfile(tmp_path / "kept.web.save", SAVES / "kept.web.save")
    assert all_of_them[0] & all_of_them[1], "those from before"
    assert not since_ready[0] & all_of_them[1]
    assert not since_ready[1] & all_of_them[0]
    ids = [genid(), virsh("dumpxml", "kept.db")]
    assert "<genid>" in ids[1]
    lab.ok("resume", "web")
    assert genid() != ids[0], "libvirt renews it"


def shared_connections() -> list[Path]:
    return [each for each in runtime.folder().iterdir() if each.is_socket()]


def genid() -> str:
    text = virsh("dumpxml", "kept.web")
    return text.partition("<genid>")[2].partition("</genid>")[0]


def goes_on(lab: Lab, boots: dict[str, str]) -> None:
    """All run where they were, with the right time; forwards lead to them."""
    assert lab.plan() == {}
    assert {vm: lab.ssh(vm, BOOT) for vm in boots} == boots
    assert lab.ssh("web", "cat /run/mark") == "7\n"
    before = time.time()
    told = int(lab.ssh("web", "date +%s"))
    assert before - 60 < told < time.time() + 60
    hello = f"exec 3<>/dev/tcp/127.0.0.1/{PORT}; read -r line <&3; echo $line"
    assert subprocess.run(["bash", "-c", hello], check=True, capture_output=True).stdout == b"hello\n"
    assert lab.ssh("web", "ping -q -c 1 -W 10 db >/dev/null && echo db answers") == "db answers\n"


def states(lab: Lab) -> dict[str, str]:
    return {vm["name"]: vm["state"] for vm in json.loads(lab.ok("status", "--json").stdout)["vms"]}


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """The folder on a file system that has room for a MiB."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "none", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("number", [1, 2])
def test_a_killed_suspend_is_finished_by_whatever_comes_next(make_lab, number):
    """Libvirtd saves on, so that some VMs are saved, some run, and one may be in between."""
    hard = {"networks": ["front"], "firmware": "uefi", "tpm": True, "memory": "128MiB"}
    vms = {"web": {"count": 2, "networks": ["front"]}, "hard": hard}
    lab = make_lab(blank_lab("cut", networks={"front": {}}, vms=vms))
    lab.up()
    moment = random.Random(number).randrange(EVENTS)  # noqa: S311  # the same moments each time
    for following in (("up", "--yes"), ("suspend", "--disk"), ("destroy", "--yes")):
        lab.ok("up", "--yes")
        process = lab.start("suspend", "--disk", "--yes", "--json")
        for _ in range(moment):
            process.stdout.readline()
        process.kill()
        process.communicate()
        lab.ok(*following)
        if following[0] == "up":
            assert lab.plan() == {}
        if following[0] == "suspend":
            assert set(states(lab).values()) == {"saved"}
    assert not list(SAVES.glob("cut.*"))
