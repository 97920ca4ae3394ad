"""Of a packet filter that drops what guests send, `plan` and `up` warn before it is missed."""

from types import SimpleNamespace

import pytest

from labctl.app import traffic
from labctl.core.planning import plan
from labctl.engine.allocate import allocate
from labctl.engine.compose import Site, compose
from labctl.host.hosts import Hosts
from labctl.host.machine import firewall, routes
from labctl.host.machine.firewall import Rules
from labctl.host.machine.packet_filter import Chain, from_iptables
from tests.madeup import MadeUpHost
from tests.unit.labfile.labfiles import loaded

LABFILE = """
    networks:
      front: {}
      back: {mode: isolated}
      wild: {mode: open, dhcp: false}
      lan: {mode: bridge, bridge: br0}
      mine: {mode: routed, bridge: br-mine}
    vms: {a: {image: none, networks: [front, back, wild, lan, mine]}}
    """


@pytest.fixture
def warned(tmp_path, monkeypatch):
    """The warnings about the lab on a host with such rules, and whether they were read at all."""
    monkeypatch.setattr(routes, "uplink", lambda: "eth0")

    def of(rules, *, local=True, types=("qemu",), made=False):
        lab = loaded(tmp_path, LABFILE).lab
        allocation = allocate(lab, {}, ())
        site = Site("x86_64", kvm=False, types=frozenset({"qemu"}), pool="", store="")
        wanted = compose(lab, allocation, lambda _address: site)
        host = MadeUpHost(
            local=local,
            output=None,
            capabilities=SimpleNamespace(types=types),
            virt=SimpleNamespace(getLibVersion=lambda: 9_000_000),
        )
        read = []
        monkeypatch.setattr(firewall, "read_rules", lambda _output, version: read.append(version) or rules)
        found = traffic.check(
            SimpleNamespace(lab=lab, hosts=Hosts(host)), plan(wanted, wanted if made else {}), allocation
        )
        return [f"{each.path}: {each.summary}" for each in found], bool(read)

    return of


def dropping(hook, table="guard"):
    return Rules({("inet", table, hook): Chain("inet", table, hook, (), hook, "drop")})


def test_what_is_sent_through_the_host(warned):
    """A network of its own is not the host's to forward, and an isolated one is not forwarded at all."""
    told = "this host's firewall drops what the guests of front, wild, mine send through the host: inet guard forward"
    assert warned(dropping("forward")) == ([f"networks: {told}"], True)


def test_what_is_asked_of_the_host(warned):
    dhcp = "this host's firewall drops what the guests of front, back, mine ask the host by DHCP: inet guard input"
    dns = "this host's firewall drops what the guests of front, back, wild, mine ask the host by DNS: inet guard input"
    assert warned(dropping("input")) == ([f"networks: {dhcp}", f"networks: {dns}"], True)


def test_libvirts_rules_are_not_for_open_networks_nor_others_for_each_bridge(warned):
    text = "*filter\n:FORWARD DROP [0:0]\nCOMMIT\n"
    shared = Rules(from_iptables(text, "ip"), libvirt_table="filter")
    told = "this host's firewall drops what its guests send through the host: ip filter FORWARD"
    assert warned(shared) == ([f"networks.wild: {told}"], True)
    labs = Rules(from_iptables(text.replace("COMMIT", "-A FORWARD -i lab-+ -j ACCEPT\nCOMMIT"), "ip"))
    assert warned(labs) == ([f"networks.mine: {told}"], True)


def test_it_is_not_looked_at_where_nothing_starts_or_nobody_can(warned):
    drops = dropping("forward")
    assert warned(drops, made=True) == ([], False)
    assert warned(drops, local=False) == ([], False)
    assert warned(drops, types=("test",)) == ([], False)
    assert warned(Rules(unread="only root can read the rules")) == ([], True)
