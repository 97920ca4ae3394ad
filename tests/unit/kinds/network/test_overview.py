"""What people are shown of a network, as it is read from libvirt's XML."""

from ipaddress import IPv4Address

from labctl.kinds.network import xml as network_xml
from labctl.kinds.network.overview import read_network
from labctl.kinds.network.spec import DhcpHost, NetworkSpec


def test_what_libvirt_tells_of_a_network():
    spec = NetworkSpec(
        "shop",
        "front",
        subnet4="10.0.0.0/24",
        host4="10.0.0.1/24",
        bridge="lab-0",
        dhcp_hosts=(DhcpHost(IPv4Address("10.0.0.2"), "web", "52:54:00:00:00:01"),),
    )
    found = read_network(network_xml.render(spec))
    assert (found.name, found.lab, found.mode, found.host) == ("front", "shop", "nat", ("10.0.0.1",))
    assert found.leases == {"52:54:00:00:00:01": IPv4Address("10.0.0.2")}
