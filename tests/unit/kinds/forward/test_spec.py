"""What a forward is called, and what its VM's metadata have of it."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.core.address import Address
from labctl.core.endpoint import Endpoint
from labctl.kinds.forward.spec import ForwardSpec, left_over, parse, process_of, record_of


@pytest.mark.parametrize(
    ("ip", "protocol", "name"),
    [
        ("127.0.0.1", "tcp", "web/8080"),
        ("127.0.0.1", "udp", "web/8080/udp"),
        ("10.0.0.1", "tcp", "web/10.0.0.1:8080"),
        ("::1", "udp", "web/[::1]:8080/udp"),
    ],
)
def test_its_name_is_what_the_labfile_says_of_the_host(ip, protocol, name):
    spec = ForwardSpec("shop", "web", Endpoint(ip_address(ip), 8080), protocol)
    assert spec.address == Address("forward", name)


@given(st.ip_addresses(), st.integers(1, 65535), st.sampled_from(["tcp", "udp"]))
def test_its_key_is_read_again(ip, port, protocol):
    spec = ForwardSpec("shop", "web", Endpoint(ip, port), protocol)
    assert parse("shop", "web", spec.key) == spec
    found = left_over("shop", spec.address.name, "10.0.0.2:80")
    assert (found.address, found.to, found.unrecorded) == (spec.address, "10.0.0.2:80", "yes")


@pytest.mark.parametrize("key", ["", "x", "0", "70000", "127.0.0.1", "8080/sctp", "/udp"])
def test_a_key_that_is_none_is_refused(key):
    with pytest.raises(ValueError, match="address"):
        parse("shop", "web", key)


def test_the_process_is_recorded():
    assert process_of(record_of("10.0.0.2:80", 812, "1234", "b00t")) == (812, "1234", "b00t")
    assert process_of({"pid": "-1"}) == (0, "", "")


@pytest.mark.parametrize(
    ("protocol", "shown"), [("tcp", "127.0.0.1:53 web:5353"), ("udp", "127.0.0.1:53/udp web:5353")]
)
def test_a_plan_shows_which_port_leads_where(protocol, shown):
    spec = ForwardSpec("shop", "web", Endpoint(ip_address("127.0.0.1"), 53), protocol, to="10.0.0.2:5353")
    assert [part.own for part in spec.brief()] == [shown]
