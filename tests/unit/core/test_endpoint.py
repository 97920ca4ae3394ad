"""Addresses with ports, as text and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.core.endpoint import Endpoint


@given(st.ip_addresses(), st.integers(1, 65535))
def test_its_text_is_read_again(ip, port):
    assert Endpoint.parse(str(Endpoint(ip, port))) == Endpoint(ip, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "80",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "::1:80",
        "[::1]",
        "[fe80::1%a]:80",
        "1.2.3.4:8\n",
    ],
)
def test_what_is_none_is_refused(text):
    with pytest.raises(ValueError, match="address"):
        Endpoint.parse(text)
