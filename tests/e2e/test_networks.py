"""Networks on the real libvirt, with its dnsmasq and its firewall; no guest boots here."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

from tests.e2e.client import client
from tests.e2e.labfiles import virsh

OFF = {"image": "none", "memory": "32MiB", "cloud_init": False, "state": "off"}


def network_lab(name, networks, vms):
    """A lab of networks, whose VMs have nothing but NICs and never run."""
    return {"labfile": 1, "name": name, "defaults": dict(OFF), "networks": networks, "vms": vms}


def test_labs_come_and_go_beside_one_another(make_lab, labdir):
    """What one lists the other takes away in the same moment: no command fails for it, and none is in another's way."""
    labs = [
        make_lab(
            network_lab(
                f"lab-{number}", {"front": {}, "back": {"mode": "isolated"}}, {"a": {"networks": ["front"]}}
            ),
            labdir / f"lab-{number}",
        )
        for number in range(4)
    ]

    def lives(lab):
        for _ in range(2):
            lab.ok("up", "--yes")
            assert lab.plan() == {}
            lab.destroy()
            lab.ok("list")

    with ThreadPoolExecutor(len(labs)) as threads:
        list(threads.map(lives, labs))


TWICE = ["lan", {"name": "lan", "nic": "second"}]
EDITS = [
    ("one of two NICs goes", {"a": ["lan"]}, {}, {"a": 2}),
    ("it comes again, names meet", {"b": ["lan"], "a": TWICE}, {"dns": {"x": 1, "y": 1, "a": 1}}, {"a": 5, "b": 2}),
    ("the one with the name goes, names part", {"a": TWICE[1:]}, {"dns": {"x": 1, "y": 2}}, {"a": 2, "x": 1, "y": 1}),
    ("a range comes, and another VM", {"c": TWICE}, {"dhcp": "10.92.0.100-10.92.0.110"}, {"c": 4, "a": 0}),
    ("it moves over its own end", {"c": TWICE, "d": TWICE}, {"dhcp": "10.92.0.105-10.92.0.120"}, {"c": 4, "d": 4}),
    ("it goes, with a NIC of each", {"c": TWICE[1:], "d": ["lan"]}, {}, {"c": 2, "d": 2}),
]  # fmt: skip


def test_entries_that_look_alike_come_and_go_while_their_network_runs(make_lab):
    """One VM twice on a network, in both families: after each `up` dnsmasq knows just what the Labfile says."""
    lab = make_lab(network_lab("alike", lan(), {"a": {"networks": TWICE}}))
    lab.up()
    assert addresses(lab, "a") == 4
    index = Path(f"/sys/class/net/{bridge(lab, 'lan')}/ifindex")
    born = index.read_text()
    for what, vms, fields, names in EDITS:
        lab.content["vms"] = {vm: {"networks": nics} for vm, nics in vms.items()}
        lab.content["networks"] = lan(**fields)
        lab.up()
        assert {name: addresses(lab, name) for name in names} == names, what
        assert index.read_text() == born, f"{what}: the network was made anew"
    lab.destroy()


def lan(dns=None, dhcp=""):
    network = {"ipv6": True, "subnet": "10.92.0.0/24"}
    if dns:
        network["dns"] = {"hosts": {name: f"192.0.2.{number}" for name, number in dns.items()}}
    if dhcp:
        network["dhcp"] = {"range": dhcp}
    return {"lan": network}


def addresses(lab, name) -> int:
    """How many dnsmasq gives for a name, in both families."""
    command = ["busybox", "nslookup", f"{name}.{lab.name}.lab", "10.92.0.1"]
    told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return told.count(f"Name:\t{name}.{lab.name}.lab\nAddress: ")


def bridge(lab, network) -> str:
    return ElementTree.fromstring(virsh("net-dumpxml", f"{lab.name}.{network}")).find("bridge").get("name")


# What `gateway` says, the router that DHCP then tells ({} is the subnet's), and whether the host advertises itself
GATEWAYS = {
    "plain": ({}, "{}.1", True),
    "none": ({"gateway": False}, None, False),
    "other": ({"gateway": "10.93.3.9"}, "{}.9", False),
    "machine": ({"gateway": "gw"}, "{}.2", False),
    "open": ({"mode": "open"}, None, False),
    "alone": ({"mode": "isolated"}, None, False),
    "inner": ({"mode": "isolated", "gateway": "gw"}, "{}.2", False),
}


def test_dhcp_and_advertisements_name_the_router_of_the_labfile(make_lab, tmp_path):
    """To those with a reservation and to strangers; the VM that is the router is sent nowhere."""
    networks = {}
    for number, (name, (fields, _, _)) in enumerate(GATEWAYS.items(), 1):
        ranged = {"range": f"10.93.{number}.100-10.93.{number}.110"}
        networks[name] = {"subnet": f"10.93.{number}.0/24", "ipv6": True, "dhcp": ranged, **fields}
    vms = {"gw": {"networks": list(networks)}, "a": {"networks": list(networks)}}
    lab = make_lab(network_lab("routers", networks, vms))
    lab.up()
    found = {}
    for name in networks:
        reserved = ElementTree.fromstring(virsh("net-dumpxml", f"routers.{name}")).findall(
            "ip/dhcp/host[@mac]"
        )
        macs = {host.get("name"): host.get("mac") for host in reserved}
        with client("stranger", bridge(lab, name)) as someone:
            advertised = someone.has_advertised_router()
            leases = [someone.lease(tmp_path, mac) for mac in ("", macs["a"], macs["gw"])]
        assert leases[0]["ip"].endswith(tuple(f".{number}" for number in range(100, 111)))
        assert [lease["ip"].rpartition(".")[2] for lease in leases[1:]] == ["3", "2"]
        found[name] = ([lease.get("router") for lease in leases], advertised)
    wanted = {}
    for number, (name, (fields, router, advertised)) in enumerate(GATEWAYS.items(), 1):
        told = router and router.format(f"10.93.{number}")
        wanted[name] = ([told, told, None if fields.get("gateway") == "gw" else told], advertised)
    assert found == wanted
    lab.destroy()


def test_a_firewall_that_drops_is_named_and_its_mend_mends(make_lab, tmp_path):
    """By `doctor` and by `up`, with guests' packets as witnesses: to somewhere beyond the host, and to its DHCP."""
    front = {"mode": "routed", "subnet": "10.94.0.0/24", "dhcp": {"range": "10.94.0.100-10.94.0.110"}}
    lab = make_lab(network_lab("walled", {"front": front}, {}))
    assert "firewall" not in lab.ok("up", "--yes").stderr
    assert [each["verdict"] for each in firewall(lab)] == ["ok"]
    with client("inside", bridge(lab, "front")) as inside, client("outside") as outside:
        run("ip addr add 192.0.2.1/24 dev outside")
        for each, address, host in ((inside, "10.94.0.9", "10.94.0.1"), (outside, "192.0.2.2", "192.0.2.1")):
            each.ok("ip", "addr", "add", f"{address}/24", "dev", "eth0")
            each.ok("ip", "route", "add", "default", "via", host)
        for hook, what, passes in (
            ("forward", "guests on nat and routed networks send", lambda: inside.reaches("192.0.2.2")),
            ("input", "guests ask of the host by DHCP", lambda: "ip" in inside.lease(tmp_path)),
        ):
            assert passes(), hook
            run("nft add table inet guard")
            run(f"nft add chain inet guard {hook} '{{ type filter hook {hook} priority 0; policy drop; }}'")
            assert not passes(), hook
            (told,) = firewall(lab)
            assert told["found"] == f"inet guard {hook} drops what {what}"
            front["dns"] = {"hosts": {hook: "192.0.2.9"}}
            warned = lab.ok("up", "--yes").stderr
            assert "this host's firewall drops what its guests" in warned
            assert f": inet guard {hook} (" in warned
            run(told["fix"])
            assert passes(), hook
            assert [each["verdict"] for each in firewall(lab)] == ["ok"]
            run("nft delete table inet guard")
    lab.destroy()


def firewall(lab):
    """What `doctor` says of firewalls."""
    checks = json.loads(lab.run("doctor", "--json").stdout)["checks"]
    return [each for each in checks if each["name"] == "firewall"]


def run(command: str) -> None:
    subprocess.run(["sh", "-c", command], check=True)
