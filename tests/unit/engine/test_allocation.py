"""What follows from the addresses of a lab."""

from ipaddress import IPv4Address, IPv6Address
from types import SimpleNamespace

from labctl.engine.allocation import Allocation, NetworkAddresses, NicAddresses, reached

IP, IP6, HOST, HOST6 = (
    IPv4Address("10.0.0.2"),
    IPv6Address("fd00::2"),
    IPv4Address("10.0.0.1"),
    IPv6Address("fd00::1"),
)


def addresses(nic: NicAddresses | None, network: NetworkAddresses | None) -> list[str]:
    vm = SimpleNamespace(name="web", nics=[SimpleNamespace(name="eth", network="front")])
    nics, networks = {("web", "eth"): nic} if nic else {}, {"front": network} if network else {}
    return [str(ip) for _nic, ip in reached(vm, Allocation(networks, nics))]


def test_the_host_reaches_the_addresses_of_versions_that_it_has_there():
    both = NicAddresses("52:54:00:00:00:01", IP, IP6)
    assert addresses(both, NetworkAddresses(host4=HOST, host6=HOST6)) == ["10.0.0.2", "fd00::2"]
    assert addresses(both, NetworkAddresses(host6=HOST6)) == ["fd00::2"]
    assert addresses(both, NetworkAddresses()) == []
    seen = NicAddresses("52:54:00:00:00:01", seen=(IP,))
    assert addresses(seen, NetworkAddresses(host4=HOST)) == [], "the guest's word may be any address"
    assert addresses(None, NetworkAddresses(host4=HOST)) == addresses(both, None) == []
