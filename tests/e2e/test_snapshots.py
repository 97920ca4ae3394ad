"""The whole lab at one moment: saved, changed in every way, and brought back."""

import json
import time
from pathlib import Path

import pytest

from tests.e2e.labfiles import blank_lab, virsh

POOL = Path("/var/lib/libvirt/images/labctl-time")


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


def memory(_connection):
    return bool(list(POOL.glob("_snapshot.*.memory.*")))


def paused(connection):
    return 3 in {domain.state()[0] for domain in connection.listAllDomains()}


def off(connection):
    return any(not domain.isActive() for domain in connection.listAllDomains())


@pytest.mark.parametrize("moment", [memory, paused])
def test_a_save_that_is_killed_leaves_nothing(make_lab, connection, moment):
    lab = make_lab(quick_lab(web={"networks": ["front"]}, db={}))
    lab.up()
    killed(lab, connection, moment, "snapshot", "save", "lost")
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
    killed(lab, connection, moment, "snapshot", "restore", "whole", "--yes")
    lab.ok("up", "--yes")
    assert states(lab) == {"web": "running", "db": "running"}
    lab.ok("snapshot", "restore", "whole", "--yes")
    assert lab.plan() == {}
    layers = [path.name for path in POOL.glob("*.root.*")]
    assert sorted(name.partition(".")[0] for name in layers) == ["db", "web"], "the others went"


def killed(lab, connection, moment, *command):
    """Run labctl and kill it at a moment; it may have ended by then, on a quick machine."""
    process = lab.start(*command)
    while not moment(connection) and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    process.wait()
