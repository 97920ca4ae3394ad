"""What of this host's routes keeps subnets from networks."""

from ipaddress import ip_network

from labctl.host.machine.routes import routes

# As the kernel writes them, without the columns' padding.
IPV4 = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010011AC	0003	0	0	0	00000000	0	0	0
eth0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
*	00004D0A	00000000	0001	0	0	0	00FFFFFF	0	0	0
"""
ZERO = "0" * 32
IPV6 = f"""\
fd77{"0" * 28} 40 {ZERO} 00 {ZERO} 00000400 00000001 00000000 00200200       lo
fd00{"0" * 28} 40 {ZERO} 00 {ZERO} 00000100 00000001 00000000 00000001     eth0
fe80{"0" * 28} 40 {ZERO} 00 {ZERO} 00000100 00000001 00000000 00000001     eth0
"""


def test_a_route_that_leads_nowhere_has_no_interface(tmp_path):
    (tmp_path / "route").write_text(IPV4)
    (tmp_path / "ipv6_route").write_text(IPV6)
    assert routes(tmp_path) == [
        (ip_network("172.17.0.0/16"), "eth0"),
        (ip_network("10.77.0.0/24"), ""),
        (ip_network("fd77::/64"), ""),
        (ip_network("fd00::/64"), "eth0"),
    ]


def test_a_host_without_ipv6_has_none(tmp_path):
    assert routes(tmp_path) == []
