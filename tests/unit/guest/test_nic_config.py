"""A NIC's config and its text: what seeds, metadata and the guest's port say of it."""

from ipaddress import ip_address, ip_interface, ip_network

import pytest
from hypothesis import given

from labctl.guest.nic_config import DEFAULT, NicConfig, Route
from tests.strategies import nic_configs

WHOLE = NicConfig(
    mtu=1400,
    addresses=(ip_interface("10.0.0.2/24"), ip_interface("fd00::2/64")),
    dhcp4=True,
    routes=(
        Route(DEFAULT, ip_address("10.0.0.1")),
        Route(ip_network("0.0.0.0/0"), ip_address("10.0.0.9")),
        Route(ip_network("fd00:9::/48"), ip_address("fe80::1")),
    ),
)
LINES = (
    "mtu 1400",
    "address 10.0.0.2/24",
    "address fd00::2/64",
    "dhcp",
    "route default 10.0.0.1",
    "route 0.0.0.0/0 10.0.0.9",
    "route fd00:9::/48 fe80::1",
)


def test_the_guest_s_script_is_told_in_these_words():
    assert WHOLE.lines == LINES
    assert NicConfig.parse(LINES) == WHOLE


@given(nic_configs())
def test_text_and_value_are_the_same_both_ways(config):
    assert NicConfig.parse(config.lines) == config
    assert NicConfig.parse(config.lines).lines == config.lines


def test_a_nic_that_is_left_alone_has_an_empty_config():
    assert not NicConfig()
    assert NicConfig().lines == ()
    assert NicConfig.parse([""]) == NicConfig()
    assert str(NicConfig()) == ""


@pytest.mark.parametrize(
    "line", ["mtu many", "mtu", "address 10.0.0.300/24", "route somewhere 10.0.0.1", "route default", "dhcp please"]
)  # fmt: skip
def test_a_line_that_says_nothing_is_left_out(line):
    """Somebody may have edited the metadata."""
    assert NicConfig.parse([line, "address 10.0.0.2/24"]).lines == ("address 10.0.0.2/24",)
