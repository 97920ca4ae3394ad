"""Who gets which subnet and address."""

from ipaddress import ip_network

import pytest

from labctl.core import identity
from labctl.core.address import Address
from labctl.core.record import replace
from labctl.engine.allocate import allocate
from labctl.engine.allocation import Occupied
from labctl.kinds.network.spec import NetworkSpec
from tests.unit.labfile.labfiles import loaded


def taken(*subnets):
    return [Occupied(ip_network(subnet), "route of tun0") for subnet in subnets]


def told(result, folder):
    return [str(problem).replace(f"{folder}/", "") for problem in result.problems]


@pytest.mark.parametrize(
    ("routes", "pool"),
    [
        ((), "10.64.0.0/10"),
        (("10.0.0.0/8",), "172.16.0.0/12"),
        (("10.0.0.0/8", "172.16.0.0/12"), "192.168.0.0/16"),
        (("10.64.0.0/11", "10.96.0.0/11"), "172.16.0.0/12"),
    ],
)
def test_a_subnet_is_free_whatever_the_host_routes(tmp_path, routes, pool):
    """A VPN may have all of 10.0.0.0/8."""
    lab = loaded(tmp_path, "networks: {n: {}}\n").lab
    result = allocate(lab, {}, taken(*routes))
    assert result.networks["n"].subnet4.subnet_of(ip_network(pool))
    assert result.problems == []


def test_no_free_subnet_is_a_problem_of_the_network(tmp_path):
    lab = loaded(tmp_path, "networks: {n: {}}\n").lab
    result = allocate(lab, {}, taken("0.0.0.0/1", "128.0.0.0/1"))
    assert told(result, tmp_path) == [
        (
            "Labfile.yaml:3:12: networks.n.subnet: no private subnet is free on this host: routes and other networks "
            "have them all (write one down with host: false, or remove a route)"
        )
    ]


def test_a_written_subnet_that_the_host_has_is_told_in_both_families(tmp_path):
    """Not where the host has no address, nor where the network is the host's own."""
    lab = loaded(
        tmp_path,
        """
        networks:
          n: {subnet: 10.1.0.0/24, ipv6: "fd00::/64"}
          s: {subnet: 10.3.0.0/24, ipv6: "fd00:1::/64", host: false}
          b: {mode: bridge, bridge: br0, subnet: 10.2.0.0/24}
        """,
    ).lab
    result = allocate(lab, {}, taken("10.0.0.0/14", "fd00::/16"))
    assert told(result, tmp_path) == [
        (
            "Labfile.yaml:5:15: networks.n.subnet: 10.1.0.0/24 overlaps 10.0.0.0/14, the route of tun0 "
            "(choose another subnet, or leave it out and labctl finds a free one)"
        ),
        (
            "Labfile.yaml:5:34: networks.n.ipv6: fd00::/64 overlaps fd00::/16, the route of tun0 "
            "(choose another subnet, or write true and labctl chooses one)"
        ),
    ]


def test_a_new_network_does_not_take_what_a_later_one_has(tmp_path):
    lab = loaded(tmp_path, "networks: {new: {}, old: {}}\n").lab
    wish = allocate(lab, {}, []).networks["new"].subnet4
    existing = {Address("network", "old"): NetworkSpec("lab", "old", subnet4=str(wish))}
    result = allocate(lab, existing, [])
    assert result.networks["old"].subnet4 == wish
    assert result.networks["new"].subnet4 != wish


def test_a_full_subnet_is_told_at_its_own_field(tmp_path):
    lab = loaded(
        tmp_path,
        'networks: {n: {subnet: false, ipv6: "fd00::/126"}}\nvms: {a: {image: none, count: 4, networks: [n]}}\n',
    ).lab
    assert told(allocate(lab, {}, []), tmp_path) == [
        "Labfile.yaml:3:37: networks.n.ipv6: fd00::/126 has no address left for a-3 (give the network a larger subnet)"
    ]


def test_the_gateways_addresses_are_those_it_has(tmp_path):
    """Be they of its first or its second NIC there."""
    lab = loaded(
        tmp_path,
        "networks: {n: {gateway: a}}\nvms: {a: {image: none, networks: [{name: n, ip: false}, {name: n, nic: m}]}}\n",
    ).lab
    result = allocate(lab, {}, [])
    assert result.networks["n"].gateways == (result.nics["a", "m"].ip,)


def test_two_nics_whose_macs_are_the_same_by_chance_are_told(tmp_path, monkeypatch):
    lab = loaded(tmp_path, "networks: {n: {}}\nvms: {a: {image: none, count: 2, networks: [n]}}\n").lab
    monkeypatch.setattr(identity, "mac_address", lambda *_: "52:54:00:00:00:01")
    result = allocate(lab, {}, [])
    assert told(result, tmp_path) == [
        (
            "Labfile.yaml:4:45: vms.a-2.networks.n: the MAC 52:54:00:00:00:01 follows for it, which is that of "
            "a-1 already (set `mac`)"
        )
    ]
    first, second = lab.vms
    stated = replace(first, nics=(replace(first.nics[0], mac="52:54:00:00:00:02"),))
    assert allocate(replace(lab, vms=(stated, second)), {}, []).problems == []
