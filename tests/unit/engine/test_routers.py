"""Which router the clients of a network are told, where libvirt's own choice is another than the Labfile's.

Where it is the same there are no options, so that a network which an older labctl made stays as it is.
"""

import pytest

from labctl.core.address import Address
from tests.composed import specs

NO_ROUTER, NOT_THE_HOST = "dhcp-option=option:router", "ra-param=*,0,0"
TO_THE_VM = ("dhcp-option=option:router,10.9.0.2", "dhcp-mac=set:gateway,52:54:00:00:00:01")
NOWHERE = "dhcp-option=tag:gateway,option:router"


@pytest.mark.parametrize(
    ("mode", "network", "options"),
    [
        ("nat", {}, ()),
        ("routed", {}, ()),
        ("isolated", {}, ()),
        ("open", {}, (NO_ROUTER, NOT_THE_HOST)),
        ("nat", {"gateway": False}, (NO_ROUTER, NOT_THE_HOST)),
        ("nat", {"gateway": "10.9.0.1"}, (NOT_THE_HOST,)),
        ("nat", {"gateway": "10.9.0.9"}, (f"{NO_ROUTER},10.9.0.9", NOT_THE_HOST)),
        ("nat", {"gateway": "fd00::1"}, (NO_ROUTER,)),
        ("nat", {"gateway": "gw"}, (*TO_THE_VM, NOWHERE, NOT_THE_HOST)),
        ("isolated", {"gateway": "gw"}, (*TO_THE_VM, NOWHERE)),
        ("isolated", {"gateway": "10.9.0.1"}, (f"{NO_ROUTER},10.9.0.1",)),
        ("nat", {"gateway": "gw", "dhcp": False}, (NOT_THE_HOST,)),
        ("isolated", {"gateway": "gw", "host": False}, ()),
    ],
    ids=str,
)
def test_clients_are_told_what_the_labfile_says(mode, network, options):
    assert composed({"mode": mode, **network}).dnsmasq == options


def composed(network):
    """The spec of a network with both families, where the VM `gw` has the second address of each."""
    nic = {"name": "n", "mac": "52:54:00:00:00:01"}
    content = {
        "networks": {"n": {"subnet": "10.9.0.0/24", "ipv6": "fd00::/64", **network}},
        "vms": {"gw": {"image": "none", "networks": [nic]}},
    }
    return specs(content)[Address("network", "n")]
