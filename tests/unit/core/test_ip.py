"""IP addresses of either version."""

from ipaddress import ip_address

from labctl.core.ip import by_family, parse_addresses


def test_a_text_that_is_no_address_is_left_out():
    assert parse_addresses(["10.0.0.2", "", "10.0.0.2/24", "nothing", "fd00::2"]) == (
        ip_address("10.0.0.2"),
        ip_address("fd00::2"),
    )


def test_the_first_of_each_family_counts_and_ipv4_comes_before_ipv6():
    found = by_family(map(ip_address, ["fd00::9", "192.0.2.9", "fd00::1", "192.0.2.1"]))
    assert found == (ip_address("192.0.2.9"), ip_address("fd00::9"))
    assert by_family([]) == ()
