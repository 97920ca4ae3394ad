"""What guests learn from their seeds and tell of themselves: addresses, names and keys, whoever starts them."""

import json
import shutil
import time

import pytest

from tests.e2e.harness import daemons
from tests.e2e.labfiles import micro_lab, virsh

OUTSIDE = """
<network><name>outside</name><forward mode='nat'/><bridge name='virbr-out'/>
  <ip address='192.168.77.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.77.50' end='192.168.77.99'/></dhcp>
  </ip>
</network>"""
BOOT_S = 120


@pytest.fixture
def outside(connection):
    """A network of somebody else, which gives addresses by DHCP."""
    network = connection.networkDefineXML(OUTSIDE)
    network.create()
    yield network
    network.destroy()
    network.undefine()


def test_guests_tell_the_addresses_that_others_give_them(make_lab, micro, outside):
    """`status` and `ssh` have them, peers their names; a changed one is noticed."""
    vms = {
        "one": {"networks": [{"name": "out", "mtu": 1400}, "wire"]},
        "two": {"networks": [{"name": "front", "ip": False}, "out"]},
    }
    networks = {
        "out": {"external": "outside"},
        "wire": {"mode": "isolated", "subnet": False, "host": False},
        "front": {},
    }
    lab = make_lab(micro_lab("told", micro, networks=networks, vms=vms))
    lab.up()
    given = addresses(lab, "outside")
    leases = {lease["mac"]: lease["ipaddr"] for lease in outside.DHCPLeases()}
    assert sorted(given.values()) == sorted(leases.values())
    assert len(given) == len(vms)
    assert "mtu 1400" in lab.ssh("one", "ip link")
    lab.ssh("one", "ping -q -c 1 -W 10 two")
    lab.ssh("two", "ping -q -c 1 -W 10 one")
    # the NIC without an address is not who leads out
    assert [line.split()[2] for line in lab.ssh("two", "ip route").splitlines() if "default" in line] == [
        "192.168.77.1"
    ]

    other = "192.168.77.200"
    nic = lab.ssh("one", f"ip -o -4 addr | awk '/{given['one']}/ {{ print $2 }}'").strip()
    change = f"sleep 1; ip addr del {given['one']}/24 dev {nic}; ip addr add {other}/24 dev {nic}"
    lab.ssh("one", f"({change}) >/dev/null 2>&1 &")
    daemons.wait_until(lambda: addresses(lab, "outside").get("one") == other, "status tells another address")
    assert lab.ssh("one", "hostname") == "one\n"
    assert {"vm/one", "vm/two"} <= lab.plan().keys()
    lab.up()
    assert other in lab.ssh("two", "cat /etc/hosts")
    lab.destroy()


def test_a_guest_that_did_not_run_has_what_changed_meanwhile_when_somebody_starts_it(make_lab, micro):
    """Its address and its keys: of a VM that never ran, and of one that did; status says what is."""
    front = {"name": "front", "ip": "10.90.0.10"}
    vms = {"v": {"networks": [front], "state": "off"}}
    lab = make_lab(micro_lab("cold", micro, networks={"front": {"subnet": "10.90.0.0/24"}}, vms=vms))
    lab.up()
    front["ip"] = "10.90.0.20"
    assert lab.plan()["seed/v"] == ["update", "network"]
    lab.up()
    started_by_virsh(lab, "10.90.0.20")

    virsh("destroy", "cold.v")
    front["ip"] = "10.90.0.30"
    shutil.rmtree(lab.path.parent / ".labctl")
    assert {"network", "keyed"} <= set(lab.plan()["seed/v"])
    lab.up()
    started_by_virsh(lab, "10.90.0.30")
    assert "10.90.0.20" not in lab.ssh("v", "ip addr")

    vms["v"]["state"] = "running"
    lab.up()  # told while it runs; a boot from the seed of before does not undo that
    front["ip"] = "10.90.0.40"
    lab.up()
    virsh("reset", "cold.v")
    reached(lab, "10.90.0.40")
    lab.destroy()


def started_by_virsh(lab, address):
    virsh("start", "cold.v")
    reached(lab, address)
    assert addresses(lab, "front") == {"v": address}


def reached(lab, address):
    """It has the address, answers there, and lets labctl's key in."""
    end = time.monotonic() + BOOT_S
    while f" {address}/" not in (said := lab.run("ssh", "v", "--", "ip -o -4 addr")).stdout:
        assert time.monotonic() < end, said
        time.sleep(1)


def addresses(lab, network):
    """VM → its address on a network, as `status` says."""
    vms = json.loads(lab.ok("status", "--json").stdout)["vms"]
    return {vm["name"]: nic["ip"] for vm in vms for nic in vm["addresses"] if nic["network"] == network}
