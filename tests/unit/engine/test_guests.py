"""What guests are told of their NICs, names and routes."""

from labctl.core.address import Address
from labctl.core.ip import parse_addresses
from labctl.core.record import replace
from labctl.guest.nic_config import NicConfig
from labctl.kinds.seed.spec import network_digest
from labctl.kinds.vm.disks_and_nics import NicUse
from labctl.kinds.vm.spec import VmSpec
from tests.composed import specs

NAT = {"subnet": "10.0.1.0/24"}
PLAIN = {"subnet": "10.0.2.0/24", "mode": "isolated"}


def vm(networks, nics, others=None):
    """The lines of each NIC of the VM `a`, and its seed."""
    vms = {"a": {"image": "debian-12", "networks": nics}, **(others or {})}
    made = specs({"networks": networks, "vms": vms})
    return {nic.name: nic.guest.lines for nic in made[Address("vm", "a")].nics}, made[Address("seed", "a")]


def servers(seed):
    return {nic.name: tuple(map(str, nic.nameservers)) for nic in seed.nics if nic.nameservers}


def test_a_nic_without_an_address_gets_neither_route_nor_dns():
    """The next one does."""
    lines, seed = vm({"n": NAT, "m": {"subnet": "10.0.3.0/24"}}, [{"name": "n", "ip": False}, "m"])
    assert lines == {"n": (), "m": ("address 10.0.3.2/24", "route default 10.0.3.1")}
    assert servers(seed) == {"m": ("10.0.3.1",)}


def test_of_two_nics_on_one_network_the_one_with_an_address_asks_its_dns_server():
    _, seed = vm({"n": NAT}, [{"name": "n", "nic": "x", "ip": False}, {"name": "n", "nic": "y"}])
    assert servers(seed) == {"y": ("10.0.1.1",)}


def test_a_gateway_is_one_of_a_family_that_the_nic_has():
    networks = {"n": NAT | {"ipv6": "fd00:1::/64"}}
    lines, seed = vm(networks, [{"name": "n", "ip6": False}])
    assert lines["n"] == ("address 10.0.1.2/24", "route default 10.0.1.1")
    assert servers(seed) == {"n": ("10.0.1.1",)}
    lines, _ = vm(networks, [{"name": "n", "ip": False}])
    assert lines["n"] == ("address fd00:1::2/64", "route default fd00:1::1")


def test_each_family_has_its_default_route_where_it_reaches_a_gateway():
    networks = {"six": NAT | {"ipv6": "fd00:1::/64"}, "four": {"subnet": "10.0.3.0/24"}}
    lines, _ = vm(networks, [{"name": "six", "ip": False}, "four"])
    assert lines == {
        "six": ("address fd00:1::2/64", "route default fd00:1::1"),
        "four": ("address 10.0.3.2/24", "route default 10.0.3.1"),
    }


def test_a_nic_that_is_asked_to_has_the_default_routes_alone():
    networks = {"six": NAT | {"ipv6": "fd00:1::/64"}, "four": {"subnet": "10.0.3.0/24"}}
    lines, _ = vm(networks, ["six", {"name": "four", "default_route": True}])
    assert lines == {
        "six": ("address 10.0.1.2/24", "address fd00:1::2/64"),
        "four": ("address 10.0.3.2/24", "route default 10.0.3.1"),
    }


def test_a_vm_that_is_a_gateway_has_its_own_elsewhere():
    networks = {"inner": PLAIN | {"gateway": "a"}, "outer": NAT}
    lines, _ = vm(networks, [{"name": "inner", "ip": "10.0.2.9"}, "outer"])
    assert lines == {
        "inner": ("address 10.0.2.9/24",),
        "outer": ("address 10.0.1.2/24", "route default 10.0.1.1"),
    }


def test_only_where_somebody_else_gives_addresses_a_nic_waits_for_dhcp():
    networks = {
        "wire": {"mode": "isolated", "subnet": False, "host": False},
        "ext": {"external": "default"},
        "br": {"mode": "bridge", "bridge": "br0"},
        "mac": {"mode": "macvtap", "dev": "eth0"},
        "fixed": {"mode": "bridge", "bridge": "br1", "subnet": "10.5.0.0/24"},
        "none": {"external": "other"},
    }
    nics = [
        "wire",
        "ext",
        {"name": "br", "mtu": 1400},
        "mac",
        {"name": "fixed", "ip": "10.5.0.9"},
        {"name": "none", "ip": False},
    ]
    lines, seed = vm(networks, nics)
    assert lines == {
        "wire": (),
        "ext": ("dhcp",),
        "br": ("mtu 1400", "dhcp"),
        "mac": ("dhcp",),
        "fixed": ("address 10.5.0.9/24",),
        "none": (),
    }
    assert seed.network == network_digest((nic.mac, nic.config) for nic in seed.nics)


def test_peers_know_a_name_whose_address_its_guest_reported():
    """IPv4 where it has both; not before it said so."""
    content = {
        "networks": {"ext": {"external": "default"}},
        "vms": {name: {"image": "debian-12", "networks": ["ext"]} for name in ("a", "b")},
    }
    before = specs(content)
    a, b = (before[Address("vm", name)] for name in ("a", "b"))
    assert (a.host_lines, a.hosts) == ((), "")
    told = replace(
        a, nics=tuple(replace(nic, seen=parse_addresses(["fd00::7", "192.0.2.7"])) for nic in a.nics)
    )
    after = specs(content, {told.address: told, b.address: b})
    lines = ("192.0.2.7 a a.shop.lab",)
    assert after[Address("vm", "a")].host_lines == after[Address("vm", "b")].host_lines == lines


def test_what_a_guest_reported_is_no_edit_of_the_labfile():
    nic = NicUse("n", "52:54:00:00:00:01", "default", guest=NicConfig(dhcp4=True))
    one, two = (
        VmSpec("shop", "a", nics=(replace(nic, seen=seen),)) for seen in ((), parse_addresses(["192.0.2.7"]))
    )
    assert one == two
    assert one.fingerprint() == two.fingerprint()
