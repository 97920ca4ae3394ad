"""What a seed's digests are of."""

from labctl.guest.nic_config import NicConfig
from labctl.kinds.seed.spec import network_digest


def test_a_network_digest_is_of_the_lines_and_not_of_their_order_of_nics():
    one, two = ("a", NicConfig.parse(["address 10.0.0.2/24"])), ("b", NicConfig(dhcp4=True))
    assert network_digest([one, two]) == network_digest([two, one])
    assert network_digest([one]) != network_digest([("a", NicConfig.parse(["address 10.0.0.3/24"]))])
