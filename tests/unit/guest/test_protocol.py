"""What a guest says of its addresses: nothing in it is trusted."""

from ipaddress import ip_address

from labctl.guest.protocol import GuestState, parse

STATE = (
    b'{"event":"state","stage":"done","addresses":[{"mac":"52:54:00:00:00:0A","ip":"10.0.0.2/24"},'
    b'{"mac":"52:54:00:00:00:0b","ip":"fd00::3/64"},{"mac":"52:54:00:00:00:0a","ip":"fd00::2/64"},'
    b'{"mac":"52:54:00:00:00:0a","ip":"$(reboot)"},{"mac":"52:54:00:00:00:0a"},7]}'
)


def test_the_addresses_of_a_nic_are_those_of_its_mac():
    state = parse(STATE)
    assert isinstance(state, GuestState)
    assert state.of("52:54:00:00:00:0a") == (ip_address("10.0.0.2"), ip_address("fd00::2"))
    assert state.of("52:54:00:00:00:0b") == (ip_address("fd00::3"),)
    assert state.of("52:54:00:00:00:0c") == ()
