"""Whether this user can listen on a port."""

import os
import socket
from ipaddress import ip_address

import pytest

from labctl.core.endpoint import Endpoint
from labctl.host.machine import ports

EVERYWHERE = "0.0.0.0"  # noqa: S104  # of this test


def at(port, ip="127.0.0.1"):
    return Endpoint(ip_address(ip), port)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_free_port_is_no_problem_twice(free_port, protocol):
    assert ports.refusal(at(free_port), protocol) is None
    assert ports.refusal(at(free_port), protocol) is None


@pytest.mark.parametrize(
    ("taken", "asked"),
    [
        ("127.0.0.1", "127.0.0.1"),
        (EVERYWHERE, "127.0.0.1"),
        ("127.0.0.1", EVERYWHERE),
        ("::1", "::1"),
        ("::", "127.0.0.1"),
    ],
)
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_taken_one_is_told_with_its_owner(free_port, protocol, taken, asked):
    family = socket.AF_INET6 if ":" in taken else socket.AF_INET
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as owner:
        owner.bind((taken, free_port))
        if protocol == "tcp":
            owner.listen()
        found = ports.refusal(at(free_port, asked), protocol)
    assert found.owner.pid == os.getpid()
    assert found.summary == f"port {free_port} of {asked} is taken by {found.owner}"


def test_the_other_protocol_is_another_port(free_port):
    with socket.create_server(("127.0.0.1", free_port)):
        assert ports.refusal(at(free_port), "udp") is None


def test_an_address_that_is_not_the_hosts_is_told():
    found = ports.refusal(at(8080, "192.0.2.1"), "tcp")
    assert found.summary == "this host has no address 192.0.2.1"


def test_a_port_of_root_is_told_with_the_first_that_is_none(monkeypatch, tmp_path):
    def refuse(*_):
        raise PermissionError(13, "no")

    limit = tmp_path / "limit"
    limit.write_text("1024\n")
    monkeypatch.setattr(ports, "_PRIVILEGED", limit)
    monkeypatch.setattr(ports.socket.socket, "bind", refuse)
    found = ports.refusal(at(80), "tcp")
    assert found.summary == "port 80 is below 1024, where only root may listen"
    assert found.hint == "forward one from 1024 on, as 8080:80"
