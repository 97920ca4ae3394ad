"""What someone does with virsh, ip and kill behind labctl's back: shown as drift, told by `status`, healed, removed."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.labfiles import Lab, blank_lab, virsh

MARK = "https://labctl.org/xmlns/1"


@pytest.fixture
def lab(make_lab) -> Lab:
    """One VM that runs and one that is off."""
    vms = {"run": {"networks": ["front"]}, "off": {"networks": ["front"], "state": "off"}}
    made = make_lab(blank_lab("behind", networks={"front": {}}, vms=vms))
    made.up()
    return made


def notes(lab: Lab) -> list[str]:
    return [line for line in lab.ok("status").stderr.splitlines() if line.startswith("note: ")]


def causes(lab: Lab) -> dict[str, str]:
    return {step["address"]: step["cause"] for step in json.loads(lab.ok("plan", "--json").stdout)["steps"]}


def heals(lab: Lab) -> None:
    lab.up()
    assert notes(lab) == []


def domain_id() -> str:
    return virsh("domid", "behind.run").strip()


def bridge() -> str:
    return next(
        line.split()[1]
        for line in virsh("net-info", "behind.front").splitlines()
        if line.startswith("Bridge:")
    )


def test_a_renamed_domain_is_known_by_its_uuid_and_gets_its_name_back(lab):
    virsh("domrename", "behind.off", "mine")
    assert lab.plan() == {"vm/off": ["restart", "renamed"]}
    assert notes(lab) == ["note: off: its domain was renamed to mine"]
    heals(lab)
    virsh("domrename", "behind.off", "mine")
    virsh("start", "mine")
    lab.content["vms"]["off"]["state"] = "running"
    assert lab.plan() == {"vm/off": ["restart", "renamed"]}
    heals(lab)
    assert virsh("domstate", "behind.off").strip() == "running"


def test_a_mark_that_was_removed_is_restored_without_a_restart(lab):
    before = domain_id()
    for options in (["--live"], ["--config"], ["--live", "--config"]):
        virsh("metadata", "behind.run", MARK, "--remove", *options)
        assert lab.plan()["vm/run"][0] == "update"
        heals(lab)
    assert domain_id() == before
    virsh("metadata", "behind.off", MARK, "--remove")
    assert lab.plan() == {"vm/off": ["update", "unmarked"]}
    assert notes(lab) == [
        "note: off: labctl's mark on its domain behind.off was removed; `labctl up` restores it"
    ]
    heals(lab)


def test_what_was_undefined_while_it_ran_is_defined_again(lab):
    before = domain_id()
    virsh("undefine", "behind.run")
    virsh("net-undefine", "behind.front")
    make_pool_transient()
    assert causes(lab) == dict.fromkeys(("pool/behind", "network/front", "vm/run"), "not defined any more")
    assert [line.partition(";")[0] for line in notes(lab)] == [
        "note: run: its domain is not defined any more, so it is gone once it stops",
        "note: network front: its network is not defined any more, so it is gone once it stops",
    ]
    heals(lab)
    assert domain_id() == before


def make_pool_transient() -> None:
    """An active pool can't be undefined, but one can be made that is not."""
    virsh("pool-destroy", "labctl-behind")
    virsh("pool-undefine", "labctl-behind")
    virsh("pool-create-as", "labctl-behind", "dir", "--target", "/var/lib/libvirt/images/labctl-behind")


def test_halt_and_destroy_cope_with_what_was_undefined_or_renamed(lab):
    """The leak oracle looks at what is left of it."""
    virsh("undefine", "behind.run")
    lab.ok("halt", "--yes")
    assert virsh("domstate", "behind.run").strip() == "shut off"
    virsh("start", "behind.run")
    virsh("undefine", "behind.run")
    virsh("net-undefine", "behind.front")
    make_pool_transient()
    virsh("domrename", "behind.off", "mine")
    virsh("metadata", "mine", MARK, "--remove")
    refused = lab.run("up", "--yes")
    assert (refused.code, "virsh domrename mine behind.off" in refused.stderr) == (1, True), refused
    virsh("domrename", "mine", "behind.off")
    lab.destroy()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_dead_dnsmasq_is_told_and_the_network_made_anew(lab, number):
    before = domain_id()
    os.kill(int(Path("/run/libvirt/network/behind.front.pid").read_text()), number)
    wait_for_end()
    assert causes(lab) == {"network/front": "its dnsmasq is gone"}
    assert notes(lab) == ["note: network front: its dnsmasq is gone; `labctl up` mends it"]
    heals(lab)
    assert domain_id() == before


def wait_for_end() -> None:
    """Of all processes that serve the network: libvirt starts dnsmasq with a helper."""
    script = "while pgrep -f '[b]ehind.front.conf' >/dev/null; do sleep 0.1; done"
    subprocess.run(["timeout", "10", "sh", "-c", script], check=True)
