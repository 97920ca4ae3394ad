"""What becomes of guests' packets, by rules as nft and iptables-save told them of real tables (in `firewall/`)."""

import json
from pathlib import Path

import pytest

from labctl.host.machine import command, firewall, routes
from labctl.host.machine.firewall import Rules
from labctl.host.machine.packet_filter import Chain, Fate, Packet, fate, from_iptables, from_nft

RECORDED = Path(__file__).parent / "firewall"
PASSES, DROPPED, UNKNOWN = Fate.PASSES, Fate.DROPPED, Fate.UNKNOWN


@pytest.fixture(autouse=True)
def uplink(monkeypatch):
    monkeypatch.setattr(routes, "uplink", lambda: "eth0")


def recorded(name, *, libvirt_table=""):
    text = (RECORDED / name).read_text()
    if name.endswith(".json"):
        return Rules(from_nft(json.loads(text)), libvirt_table=libvirt_table)
    return Rules(
        from_iptables(text, "ip", " (legacy)" if "legacy" in name else ""), libvirt_table=libvirt_table
    )


@pytest.mark.parametrize(
    ("name", "forwarding", "dhcp", "dns"),
    [
        ("server.json", (DROPPED, "inet guard forward"), DROPPED, DROPPED),
        ("opened.json", (PASSES, ""), PASSES, PASSES),
        ("by-address.json", (UNKNOWN, "inet guard forward"), PASSES, PASSES),
        ("docker.save", (DROPPED, "ip filter FORWARD"), PASSES, PASSES),
        ("legacy.save", (DROPPED, "ip filter (legacy) FORWARD"), PASSES, PASSES),
    ],
)
def test_a_drop_is_seen_in_whatever_table_it_is(name, forwarding, dhcp, dns):
    rules = recorded(name)
    assert rules.forward_fate("lab-0") == forwarding
    assert (rules.input_fate(67, "lab-0")[0], rules.input_fate(53, "lab-0")[0]) == (dhcp, dns)


def test_both_families_have_tables_of_their_own():
    assert recorded("server.json").forward_fate("lab-0", "ip6") == (DROPPED, "inet guard forward")
    assert recorded("docker.save").forward_fate("lab-0", "ip6") == (PASSES, "")


def test_where_libvirts_rules_come_first_docker_stops_nothing():
    """In mode open libvirt has none, and in tables of others they change nothing."""
    docker = recorded("docker.save", libvirt_table="filter")
    assert docker.forward_fate("lab-0") == (PASSES, "")
    assert docker.forward_fate("lab-0", opened=False) == (DROPPED, "ip filter FORWARD")
    assert recorded("server.json", libvirt_table="filter").forward_fate("lab-0")[0] is DROPPED
    assert recorded("legacy.save", libvirt_table="filter").forward_fate("lab-0")[0] is DROPPED


def test_libvirts_rules_are_where_they_are():
    """Behind a rule that drops they come too late."""
    chains = "*filter\n:FORWARD ACCEPT [0:0]\n:LIBVIRT_FWO - [0:0]\n"
    text = chains + "{}-A FORWARD -j LIBVIRT_FWO\n-A FORWARD -j DROP\nCOMMIT\n"
    first = Rules(from_iptables(text.format(""), "ip"), libvirt_table="filter")
    late = Rules(from_iptables(text.format("-A FORWARD -i lab-+ -j REJECT\n"), "ip"), libvirt_table="filter")
    assert first.forward_fate("lab-0") == (PASSES, "")
    assert late.forward_fate("lab-0") == (DROPPED, "ip filter FORWARD")


def test_what_could_not_be_read_may_drop_it():
    assert Rules(unread="only root can").forward_fate("lab-0") == (UNKNOWN, "")
    dropped = Rules(recorded("server.json").chains, unread="nft is not there")
    assert dropped.forward_fate("lab-0")[0] is DROPPED


def test_only_root_reads(monkeypatch):
    monkeypatch.setattr(firewall.os, "geteuid", lambda: 1000)
    assert firewall.read_rules(command.output, 9_000_000) == Rules(unread="only root can read the rules")


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ("-A FORWARD -i lab-+ -j ACCEPT", PASSES),
        ("-A FORWARD -i lab-1 -j ACCEPT", DROPPED),
        ("-A FORWARD ! -i lab-1 -j ACCEPT", PASSES),
        ("-A FORWARD -o eth0 -j ACCEPT", PASSES),
        ("-A FORWARD -o eth1 -j ACCEPT", DROPPED),
        ("-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", DROPPED),
        ("-A FORWARD -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT", PASSES),
        ('-A FORWARD -m comment --comment "all of it" -j ACCEPT', PASSES),
        ("-A FORWARD -s 10.0.0.0/8 -j ACCEPT", UNKNOWN),
        ("-A FORWARD -p tcp -m tcp --dport 443 -j ACCEPT", UNKNOWN),
        ("-A FORWARD -j LOG --log-prefix x", DROPPED),
        ("-A FORWARD -j ours\n-A ours -i lab-+ -j ACCEPT", PASSES),
        ("-A FORWARD -j ours\n-A ours -j RETURN\n-A ours -j ACCEPT", DROPPED),
        ("-A FORWARD -j ours\n-A ours -s 10.0.0.0/8 -j RETURN\n-A ours -j ACCEPT", UNKNOWN),
        ("-A FORWARD -g ours\n-A FORWARD -j ACCEPT", DROPPED),
        ("-A FORWARD -s 10.0.0.0/8 -j ours\n-A ours -j ACCEPT", UNKNOWN),
    ],
)
def test_each_word_of_a_rule_counts(rules, found):
    """In a chain whose policy is to drop."""
    text = f"*filter\n:FORWARD DROP [0:0]\n:ours - [0:0]\n{rules}\nCOMMIT\n"
    packet = Packet("forward", "ip", {"iifname": "lab-0", "oifname": "eth0", "state": "new"})
    assert fate(from_iptables(text, "ip"), packet)[0] is found


def test_maps_and_sets_of_nft():
    verdicts = {"set": [["established", {"accept": None}], ["new", {"jump": {"target": "ours"}}]]}
    state = {"vmap": {"key": {"ct": {"key": "state"}}, "data": verdicts}}
    port = {
        "match": {
            "op": "==",
            "left": {"payload": {"protocol": "udp", "field": "dport"}},
            "right": {"set": [53, 67]},
        }
    }
    chains = {
        ("inet", "t", "in"): Chain("inet", "t", "in", ([state],), "input", "drop"),
        ("inet", "t", "ours"): Chain("inet", "t", "ours", ([port, {"counter": None}, {"accept": None}],)),
    }
    facts = {"iifname": "lab-0", "state": "new", "l4proto": "udp"}
    for number, found in ((53, PASSES), (69, DROPPED)):
        assert fate(chains, Packet("input", "ip", facts | {"dport": number}))[0] is found
    named = {"vmap": {"key": {"ct": {"key": "state"}}, "data": "@verdicts"}}
    chains["inet", "t", "in"] = Chain("inet", "t", "in", ([named],), "input", "drop")
    assert fate(chains, Packet("input", "ip", facts))[0] is UNKNOWN
