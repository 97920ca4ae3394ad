"""The network driver on the real API: whatever entries look alike, a running network becomes what is wanted."""

from functools import partial
from ipaddress import ip_address

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.core.plan import Action, Step
from labctl.core.record import replace
from labctl.host.host import Host
from labctl.kinds.network.driver import NetworkDriver, _read
from labctl.kinds.network.observe import definition
from labctl.kinds.network.spec import DhcpHost, DnsHost, NetworkSpec
from tests.libvirt.conftest import NODE

NAMES = ("a", "b", "web")
MACS = tuple(f"52:54:00:00:00:0{number}" for number in range(4))
RANGES = ("", "10.9.0.100-10.9.0.110", "10.9.0.105-10.9.0.120")
DUAL = NetworkSpec("lab", "n", bridge="lab-0", host4="10.9.0.1/24", host6="fd00:9::1/64", domain="a.lab")


@st.composite
def _alike(draw: st.DrawFn) -> NetworkSpec:
    """Few names, MACs and addresses, so that most of two networks' entries share some of them."""
    dhcp, dns = [], []
    for prefix, macs in (("10.9.0.", MACS), ("fd00:9::", ("",) * len(MACS))):
        ips = [ip_address(f"{prefix}{number}") for number in draw(st.permutations(range(2, 6)))]
        count = draw(st.integers(0, 3))
        # of one family each name stands once; a second NIC of a VM has none, which DHCPv6 can't do without
        names = draw(st.permutations(NAMES if not macs[0] else (*NAMES[:1], "", "")))
        dhcp += [
            DhcpHost(*each) for each in zip(ips[:count], names, draw(st.permutations(macs)), strict=False)
        ]
        some = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True).map(tuple)
        dns += [DnsHost(ip, draw(some)) for ip in ips[: draw(st.integers(0, 3))]]
    return replace(
        DUAL,
        dhcp_range=draw(st.sampled_from(RANGES)),
        dhcp_hosts=tuple(sorted(dhcp, key=lambda host: host.key)),
        dns_hosts=tuple(sorted(dns, key=lambda host: host.key)),
    )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_alike(), _alike())
def test_a_running_network_becomes_any_other_of_its_subnets(before, after):
    """`a` twice on one network, a name of both families, an address that changes hands: all of it live."""
    host = Host(NODE)
    driver, tell = NetworkDriver(host), lambda *_: None
    driver.create(Step(before.address, Action.CREATE, "", after=before), tell)
    driver.update(Step(before.address, Action.UPDATE, "", before=before, after=after), tell)
    network = host.virt.networkLookupByName("lab.n")
    read = partial(_read, spec=after)
    for text in (definition(network), network.XMLDesc(0)):
        seen = read(text)
        assert (seen.dhcp_range, seen.dhcp_hosts, seen.dns_hosts) == (
            after.dhcp_range,
            after.dhcp_hosts,
            after.dns_hosts,
        )
    assert network.isActive()
    host.close()
