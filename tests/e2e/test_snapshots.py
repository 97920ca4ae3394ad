"""The whole lab at one moment: saved, changed in every way, and brought back."""

import copy
import hashlib
import json
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.contents import Contents
from tests.e2e.harness import daemons
from tests.e2e.labfiles import blank_lab, micro_lab, virsh
from tests.e2e.test_suspended import NUMBER, NUMBERS, PERL

QEMU = 64055  # the uid that Debian gives libvirt-qemu
POOL = Path("/var/lib/libvirt/images/labctl-time")
BLANK = {"image": "none", "disk": "1MiB", "memory": "32MiB", "cloud_init": False}
RESTORED = {"web": "running", "db": "running", "spare": "off", "busy": "running", "asleep": "paused"}
NICS = "ip -o -4 address; ip route"
# numbers from db to web over one TCP connection; both ends are in memory alone
LISTEN = "setsid sh -c 'tail -f /dev/null | nc -l -p 5000 >/run/received' >/dev/null 2>&1 </dev/null &"
SEND = "setsid sh -c 'n=0; while :; do echo $n; n=$((n+1)); sleep 0.2; done | nc {} 5000' >/dev/null 2>&1 </dev/null &"
TRIES = 20  # of killing labctl at a moment, which one try may miss


def test_the_whole_lab_goes_back(make_lab, micro, connection):
    front, shared = {"name": "front", "ip": "10.93.0.10"}, {"name": "shared", "volume": "shared"}
    web = {"networks": [front, "back"], "disks": [{"name": "data", "size": "8MiB"}, shared]}
    vms = {
        "web": web,
        "db": {"networks": ["front", {"name": "back", "ip": "10.93.2.20"}], "disks": [shared]},
        "spare": {**BLANK, "state": "off"},
    }
    vms |= {"busy": BLANK, "asleep": BLANK}
    networks = {"front": {"subnet": "10.93.0.0/24"}, "back": {"mode": "isolated", "subnet": "10.93.2.0/24"}}
    volumes = {"shared": {"size": "4MiB"}}
    lab = make_lab(micro_lab("time", micro, networks=networks, vms=vms, volumes=volumes))
    lab.up()
    contents = Contents(lab, "web", other="db")
    contents.begin()
    lab.ssh("web", LISTEN)
    lab.ssh("db", SEND.format("10.93.0.10"))
    received(lab, more_than=3)
    lab.ok("suspend", "asleep")

    then, nics, file = contents.digests(), lab.ssh("web", NICS), copy.deepcopy(lab.content)
    saved = lab.ok("snapshot", "save", "before", "-m", "all is well")
    assert "3 VMs were paused for" in saved.stderr
    assert lab.plan() == {"vm/asleep": ["update", "state"]}
    frozen = on_the_host()
    count = received(lab, more_than=3)
    everything_changes(lab, contents)
    assert not set(contents.digests()) & set(then)
    the_power_changes(lab)
    back = lab.ok("snapshot", "restore", "before", "--yes")
    assert "data is lost with: disk/new/root, vm/new" in back.stderr
    assert "data is lost with snapshot/before: all that was done in the lab since" in back.stderr
    assert contents.digests() == then
    assert on_the_host() == frozen
    assert lab.ssh("web", NICS) == nics
    assert states(lab) == RESTORED | {"new": "absent"}
    received(lab, more_than=count)
    assert lab.ssh("web", "ping -q -c 1 -W 10 10.93.2.20 >/dev/null && echo db answers") == "db answers\n"
    assert abs(int(lab.ssh("web", "date +%s")) - time.time()) < 30, "the clock is right"

    differs = lab.plan()
    assert (differs["vm/new"], differs["network/side"]) == (["create"], ["create"])
    lab.content = file
    assert lab.plan() == {"vm/asleep": ["update", "state"]}, "the file as it was then"
    lab.ok("resume", "asleep")
    lab.ok("snapshot", "delete", "before", "--yes")
    received(lab, more_than=count)
    assert contents.digests() == then
    assert not [*POOL.glob("_snapshot.*"), *POOL.glob("web.*.*"), *POOL.glob("db.*.*")], "nothing is left"
    assert lab.plan() == {}
    for blank in ("busy", "asleep"):
        del lab.content["vms"][blank]
    lab.ok("up", "--yes")
    what_makes_a_vm_ready_is_looked_at_again(lab)
    nobody_is_ready_before_that(lab, connection)
    no_two_restores_share_random_numbers(lab)
    lab.destroy()
    assert not POOL.exists()


def on_the_host():
    """The digests of the files in the pool to which nobody writes as long as there is the snapshot."""
    files = [*POOL.glob("_snapshot.*"), *(POOL / f"{vm}.root" for vm in RESTORED), POOL / "web.data"]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def what_makes_a_vm_ready_is_looked_at_again(lab):
    """Its conditions, and its steps that run each time; `once` is done in the snapshot, and stays so."""
    web = lab.content["vms"]["web"]
    web["provision"] = [
        {"shell": "echo once >>/srv/ran"},
        {"shell": "echo each >>/srv/ran; touch /run/fit", "run": "always"},
    ]
    web["ready"] = [{"exec": "test -e /run/fit"}]
    lab.ok("up", "--yes")
    lab.ok("snapshot", "save", "fit")
    lab.ssh("web", "rm /run/fit; echo since >>/srv/ran")
    lab.ok("snapshot", "restore", "fit", "--yes")
    assert lab.ssh("web", "ls /run/fit; cat /srv/ran").split() == ["/run/fit", "once", "each", "each"]
    lab.ok("up", "--yes")
    assert lab.ssh("web", "cat /srv/ran").split() == ["once", *["each"] * 3]

    web["ready"] = [{"exec": "echo not today; false", "timeout": "2s"}]
    for brings_back in (("snapshot", "restore", "fit"), ("resume",)):
        failed = lab.run(*brings_back, "--yes")
        assert failed.code == 4, failed
        assert "vm/web: failed: not ready: exec echo not today; false is not met (not today)" in failed.stderr
        assert ready(lab) == {"web": False, "db": True, "spare": None}
        lab.ok("suspend", "--disk")
    lab.ok("resume", "db")
    virsh("start", "--paused", "time.web")
    lab.ok("snapshot", "save", "paused")
    lab.ok("snapshot", "restore", "paused", "--yes")
    assert states(lab) == {"web": "paused", "db": "running", "spare": "off"}, (
        "nobody waits for what is paused"
    )

    web["memory"] = "lots"
    told = lab.ok("snapshot", "restore", "fit", "--yes").stderr
    assert "`ready` conditions of db, web are not checked" in told, told
    del web["memory"]
    assert ready(lab) == {"web": True, "db": True, "spare": None}
    assert lab.ssh("web", "cat /srv/ran").split() == ["once", "each"]


def nobody_is_ready_before_that(lab, connection):
    """The memory is of a time at which they were, and a killed labctl looks at nothing any more."""
    del lab.content["vms"]["web"]["ready"]
    kill_at(lambda: paused(connection), lab, "snapshot", "restore", "fit", "--yes")
    for name in virsh("list", "--state-paused", "--name").split():
        virsh("resume", name)
    assert True not in ready(lab).values()
    lab.ok("up", "--yes")
    assert ready(lab) == {"web": True, "db": True, "spare": None}


def no_two_restores_share_random_numbers(lab):
    """Of a guest that reads them all the time, from the moment on at which it is ready."""
    for path in PERL:
        lab.ok("copy", path, f"web:{path}")
    lab.ssh(
        "web",
        f"chmod 755 /usr/bin/perl; (while :; do {NUMBER} >>{NUMBERS}; sleep 0.05; done) >/dev/null 2>&1 &",
    )
    lab.ok("snapshot", "save", "numbers")
    every, since_ready = [], []
    for _ in range(2):
        lab.ok("snapshot", "restore", "numbers", "--yes")
        before = lab.ssh("web", f"cat {NUMBERS}").split()
        lab.ssh("web", f"until [ $(wc -l <{NUMBERS}) -gt {len(before) + 20} ]; do sleep 0.1; done")
        every.append(set(lab.ssh("web", f"cat {NUMBERS}").split()))
        since_ready.append(every[-1] - set(before))
    assert every[0] & every[1], "those from before"
    assert not since_ready[0] & every[1]
    assert not since_ready[1] & every[0]


def ready(lab):
    return {vm["name"]: vm["ready"] for vm in json.loads(lab.ok("status", "--json").stdout)["vms"]}


def everything_changes(lab, contents):
    """NICs, networks, VMs, then disks and memory: nothing can be told to a guest without room."""
    lab.content["networks"]["side"] = {"subnet": "10.93.1.0/24"}
    lab.content["vms"]["web"]["networks"][1] = "side"
    lab.content["vms"]["new"] = {**BLANK, "networks": ["side"]}
    lab.ok("up", "--yes")
    assert "10.93.1." in lab.ssh("web", NICS)
    assert "10.93.2." not in lab.ssh("web", NICS)
    contents.change()


def the_power_changes(lab):
    """One VM is halted, one paused, one started, one deleted, and so is a network."""
    lab.ok("halt", "web", "--yes")
    lab.ok("suspend", "busy")
    virsh("destroy", "time.db")
    virsh("undefine", "time.db")
    virsh("start", "time.spare")
    virsh("net-destroy", "time.front")
    virsh("net-undefine", "time.front")


def received(lab, more_than):
    """Wait until more numbers than so many have come, each after the other, and give how many."""

    def numbers():
        return lab.ssh("web", "cat /run/received").split()

    daemons.wait_until(lambda: len(numbers()) > more_than, "nothing comes over the connection")
    lines = numbers()
    assert lines == [str(n) for n in range(len(lines))]
    return len(lines)


def states(lab):
    return {vm["name"]: vm["state"] for vm in json.loads(lab.ok("status", "--json").stdout)["vms"]}


def quick_lab(**vms):
    """VMs that have nothing to boot."""
    lab = blank_lab("time", networks={"front": {}}, vms=vms)
    lab["defaults"]["cloud_init"] = False
    return lab


def snapshots(lab):
    return json.loads(lab.ok("snapshot", "list", "--json").stdout)


def test_snapshots_stand_on_one_another(make_lab):
    lab = make_lab(quick_lab(web={"networks": ["front"]}, off={"state": "off"}))
    lab.up()
    lab.ok("snapshot", "save", "first", "-m", "all is well")
    assert "there is a snapshot first already" in lab.run("snapshot", "save", "first").stderr
    lab.ok("snapshot", "save")
    lab.ok("snapshot", "restore", "first", "--yes")
    lab.ok("snapshot", "save", "branch")
    found = snapshots(lab)
    parents = {each["name"]: each["parent"] for each in found["snapshots"]}
    assert parents == {"first": None, "s1": "first", "branch": "first"}
    assert found["current"] == "branch"
    assert "├─ s1" in lab.ok("snapshot", "list").stdout
    assert "all is well" in lab.ok("snapshot", "show", "first").stdout

    virsh("snapshot-create-as", "time.off", "theirs")
    assert "theirs (internal)" in lab.ok("snapshot", "delete", "first", "--yes").stderr
    assert virsh("snapshot-list", "time.off", "--name").split() == ["theirs"]
    lab.ok("snapshot", "restore", "s1", "--yes")
    assert states(lab) == {"web": "running", "off": "off"}
    lab.ok("snapshot", "prune", "--keep", "1", "--yes")
    assert [each["name"] for each in snapshots(lab)["snapshots"]] == ["branch"]
    assert lab.plan() == {}
    merged = lab.ok("snapshot", "prune", "--keep", "0", "--yes")
    assert "disk/web/root  (its layers are needed no more)" in merged.stderr
    assert {path.name for path in POOL.glob("web.root*")} == {"web.root"}
    assert lab.plan() == {}
    assert states(lab) == {"web": "running", "off": "off"}


def test_snapshots_of_virsh_stay_with_the_layers_that_they_are_in(make_lab):
    lab = make_lab(quick_lab(web={}))
    lab.up()
    lab.ok("snapshot", "save", "first")
    virsh("snapshot-create-as", "time.web", "theirs")
    lab.ok("snapshot", "restore", "first", "--yes")
    lab.ok("snapshot", "prune", "--keep", "0", "--yes")
    virsh("snapshot-revert", "time.web", "theirs")
    assert states(lab) == {"web": "running"}
    virsh("snapshot-delete", "time.web", "theirs")
    lab.ok("snapshot", "save", "last")
    lab.ok("snapshot", "delete", "last", "--yes")
    assert {path.name for path in POOL.glob("web.root*")} == {"web.root"}
    assert lab.plan() == {}


def test_a_vm_can_go_and_come_back_with_a_snapshot(make_lab):
    """Its disk stays for the snapshot, and nothing is made anew on it."""
    lab = make_lab(quick_lab(web={"networks": ["front"]}, db={}))
    lab.up()
    lab.ok("snapshot", "save", "both")
    db = lab.content["vms"].pop("db")
    lab.up()
    assert (POOL / "db.root").exists()
    lab.content["vms"]["db"] = db
    refused = lab.run("up", "--yes")
    assert refused.code == 1
    assert "the snapshot both needs it as it is" in refused.stderr
    lab.ok("snapshot", "restore", "both", "--yes")
    assert states(lab) == {"web": "running", "db": "running"}
    assert lab.plan() == {}


def test_a_disk_that_was_unplugged_keeps_its_layer(make_lab):
    """Nothing writes to the frozen file, and no later snapshot deletes what was written since."""
    web = {"disks": [{"name": "data", "size": "8MiB"}], "state": "off"}
    lab = make_lab(quick_lab(web=web))
    lab.up()
    lab.ok("snapshot", "save", "first")
    (layer,) = POOL.glob("web.data._layer-*")
    told = "disk/web/data: it stays for the snapshot first, and what was written to it since is lost"
    data = web.pop("disks")
    assert told in lab.ok("up", "--yes").stderr
    web["disks"] = data
    refused = lab.run("up", "--yes")
    assert "disk/web/data: the snapshot first needs it as it is" in refused.stderr
    lab.ok("snapshot", "save", "second")
    assert layer.exists()
    lab.ok("snapshot", "restore", "first", "--yes")
    assert not layer.exists()
    assert lab.plan() == {}


def test_what_an_overlay_elsewhere_stands_on_stays(make_lab, tmp_path):
    lab = make_lab(quick_lab(web={}, other={}))
    lab.up()
    lab.ok("snapshot", "save", "first")
    overlay = tmp_path / "mine.qcow2"
    virsh(
        "snapshot-create-as",
        "time.web",
        "mine",
        "--disk-only",
        "--no-metadata",
        f"--diskspec=vda,file={overlay}",
    )
    virsh("destroy", "time.web")
    lab.ok("snapshot", "delete", "first", "--yes")
    virsh("start", "time.web")
    assert states(lab) == {"web": "running", "other": "running"}


def test_a_protected_vm_does_not_go_back(make_lab):
    lab = make_lab(quick_lab(web={"protect": True}))
    lab.up()
    lab.ok("snapshot", "save", "first")
    refused = lab.run("snapshot", "restore", "first", "--yes")
    assert refused.code == 1
    assert "vm/web: it is protected, and this would lose all that was done in the lab since" in refused.stderr
    lab.content["vms"]["web"]["protect"] = False
    lab.up()


def test_one_that_this_labctl_cant_read_stays_until_it_is_deleted(make_lab):
    lab = make_lab(quick_lab(web={}))
    lab.up()
    lab.ok("snapshot", "save", "theirs")
    description = POOL / "_snapshot.theirs.description"
    description.write_text(json.dumps(json.loads(description.read_text()) | {"format": 2}))
    before = {path.name for path in POOL.iterdir()}
    for command in (("save", "mine"), ("restore", "mine", "--yes"), ("delete", "mine", "--yes")):
        lab.ok("snapshot", *command)
    assert before <= {path.name for path in POOL.iterdir()}
    assert "this labctl can't read its description" in lab.ok("snapshot", "list").stdout
    refused = lab.run("snapshot", "restore", "theirs", "--yes")
    assert "`labctl snapshot delete theirs`" in refused.stderr
    lab.ok("snapshot", "delete", "theirs", "--yes")
    assert not list(POOL.glob("_snapshot.*"))
    lab.ok("snapshot", "save", "last")
    lab.ok("snapshot", "delete", "last", "--yes")
    assert {path.name for path in POOL.glob("web.root*")} == {"web.root"}


def test_a_shared_volume_is_copied_byte_by_byte(make_lab, labdir):
    """Its guest wrote the header of a qcow2, which stands on a file of the host that it may not read."""
    canary = labdir / "canary"
    canary.write_bytes(b"canary" * 10_000)
    lab = make_lab(quick_lab(web={"disks": [{"name": "data", "volume": "shared"}]}))
    lab.content["volumes"] = {"shared": {"size": "64MiB"}}
    lab.up()
    header = labdir / "header"
    told = ["-b", canary, "-F", "raw", header, "1M"]
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *told], check=True)
    volume = POOL / "_volume.shared"
    with volume.open("r+b") as file:
        file.write(header.read_bytes())
    written = volume.read_bytes()
    virsh("pool-refresh", "labctl-time")
    lab.ok("snapshot", "save", "s1")
    copy = POOL / "_snapshot.s1.copy._volume.shared"
    assert copy.read_bytes() == written
    assert copy.stat().st_blocks * 512 < 1 << 20, "holes stay holes"
    volume.write_bytes(bytes(len(written)))
    lab.ok("snapshot", "restore", "s1", "--yes")
    assert volume.read_bytes() == written
    assert volume.stat().st_blocks * 512 < 1 << 20


def test_no_other_user_of_the_host_reads_what_a_snapshot_keeps(make_lab):
    """Memory, disks, copies and the description are files of root, or of QEMU's user, that nobody else may open."""
    web = {"disks": [{"name": "shared", "volume": "shared"}]}
    lab = make_lab(
        blank_lab("time", networks={}, vms={"web": web}) | {"volumes": {"shared": {"size": "1MiB"}}}
    )
    lab.up()
    lab.ok("snapshot", "save", "first")
    check_private(kept=3)
    lab.ok("snapshot", "restore", "first", "--yes")
    check_private(kept=3)


def check_private(kept):
    files = {path.name: path.stat() for path in POOL.iterdir() if "console" not in path.name}
    assert {stat.S_IMODE(each.st_mode) for each in files.values()} == {0o600}
    assert {each.st_uid for each in files.values()} <= {0, QEMU}
    assert len([name for name in files if name.startswith("_snapshot.first.")]) == kept


def memory(_connection):
    """A save is under way: what it writes last is not there yet."""
    return list(POOL.glob("_snapshot.*.memory.*")) and not list(POOL.glob("_snapshot.*.description"))


def paused(connection):
    return 3 in {domain.state()[0] for domain in connection.listAllDomains()}


def off(connection):
    return any(not domain.isActive() for domain in connection.listAllDomains())


@pytest.mark.parametrize("moment", [memory, paused])
def test_a_save_that_is_killed_leaves_nothing(make_lab, connection, moment):
    lab = make_lab(quick_lab(web={"networks": ["front"]}, db={}))
    lab.up()

    def undo():
        lab.ok("snapshot", "delete", "lost", "--yes")

    kill_at(lambda: moment(connection), lab, "snapshot", "save", "lost", undo=undo)
    lab.ok("up", "--yes")
    assert states(lab) == {"web": "running", "db": "running"}
    lab.ok("snapshot", "save", "whole")
    assert not list(POOL.glob("_snapshot.lost.*"))
    lab.ok("snapshot", "restore", "whole", "--yes")
    assert states(lab) == {"web": "running", "db": "running"}


@pytest.mark.parametrize("moment", [off, paused])
def test_a_restore_that_is_killed_is_done_by_the_next(make_lab, connection, moment):
    lab = make_lab(quick_lab(web={"networks": ["front"]}, db={}))
    lab.up()
    lab.ok("snapshot", "save", "whole")
    kill_at(lambda: moment(connection), lab, "snapshot", "restore", "whole", "--yes")
    lab.ok("up", "--yes")
    assert states(lab) == {"web": "running", "db": "running"}
    lab.ok("snapshot", "restore", "whole", "--yes")
    assert lab.plan() == {}
    layers = [path.name for path in POOL.glob("*.root.*")]
    assert sorted(name.partition(".")[0] for name in layers) == ["db", "web"], "the others went"


def kill_at(moment, lab, *command, undo=lambda: None):
    """Run labctl and kill it at a moment; again, with what was done undone, where it was over before that was seen."""
    for _ in range(TRIES):
        process = lab.start(*command)
        if seen(moment, process):
            process.kill()
            process.wait()
            return
        assert process.returncode == 0, process.communicate()
        undo()
    pytest.fail("labctl was quicker each time")


def seen(moment, process):
    """Whether the process came to this moment, in which it is stopped; if not, it has ended."""
    while process.poll() is None:
        if moment():
            process.send_signal(signal.SIGSTOP)
            if moment():  # it went on until it was stopped
                return True
            process.send_signal(signal.SIGCONT)
        time.sleep(0.002)
    return False
