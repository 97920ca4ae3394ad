"""Forwards: what can be written, how they count, and what can't be together."""

import pytest

from labctl.labfile.forwards import WrongForward, parse_forward
from tests.unit.labfile.labfiles import problems, vms


def written(forwards):
    return [f"{each.listens}:{each.guest}/{each.protocol}" for each in forwards]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("8080:80", ["127.0.0.1:8080:80/tcp"]),
        ("0.0.0.0:5353:53/udp", ["0.0.0.0:5353:53/udp"]),
        ("[::1]:8080:80/tcp", ["[::1]:8080:80/tcp"]),
        ("80-82:180-182", ["127.0.0.1:80:180/tcp", "127.0.0.1:81:181/tcp", "127.0.0.1:82:182/tcp"]),
    ],
)
def test_a_forward_has_an_address_ports_and_a_protocol(text, found):
    assert written(parse_forward(text)) == found


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("8080", "8080 is no forward"),
        ("a:8080:80", "a:8080:80 is no forward"),
        ("8080:80/sctp", "8080:80/sctp is no forward"),
        ("256.0.0.1:1:1", "256.0.0.1 is no IP address"),
        ("[fe80::1]:1:1", "nothing can listen on fe80::1"),
        ("224.0.0.1:1:1", "nothing can listen on 224.0.0.1"),
        ("0:1", "ports are from 1 to 65535"),
        ("1:65536", "ports are from 1 to 65535"),
        ("9-8:9-8", "the range 9-8 ends before it begins"),
        ("1-3:1-2", "3 ports of the host can't lead to 2 of the guest"),
        ("1-101:1-101", "1-101 are 101 ports"),
    ],
)
def test_what_is_none_is_told_why(text, wrong):
    with pytest.raises(WrongForward, match=f"^{wrong}$"):
        parse_forward(text)


def test_with_count_the_ports_of_the_host_count_upward_ranges_by_their_width(tmp_path):
    """Those that an instance states itself are meant as they are written; lists of layers append."""
    web = vms(
        tmp_path,
        """
        networks: {front: {}}
        defaults: {image: none, networks: [front], forwards: [2200:22]}
        vms: {web: {count: 3, forwards: ["9000-9001:80-81"], instances: {3: {forwards: ["7000:70"]}}}}
        """,
    )
    first, second, third = ([each.listens.port for each in web[f"web-{n}"].forwards] for n in (1, 2, 3))
    assert (first, second) == ([2200, 9000, 9001], [2201, 9002, 9003])
    assert third == [2202, 9004, 9005, 7000]
    assert [each.entry for each in web["web-3"].forwards] == [0, 1, 1, 2]


def told(tmp_path, text):
    return [each.removeprefix("Labfile.yaml:") for each in problems(tmp_path, text)]


def lab(forwards, networks="{front: {}}", nics="[front]"):
    return f"""
networks: {networks}
defaults: {{image: none, networks: {nics}}}
vms:
{forwards}
"""


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("8080:80", "8080:81", "127.0.0.1:8080 can't lead to db, it leads to web already"),
        ("0.0.0.0:8080:80", "8080:81", "127.0.0.1:8080 can't lead to db, it leads to web already"),
        ("8000-8010:1-11", "8010:1", "127.0.0.1:8010 can't lead to db, it leads to web already"),
        ("53:53/udp", "53:53/udp", "127.0.0.1:53/udp can't lead to db, it leads to web already"),
        ("53:53/udp", "53:53", None),
        ("8080:80", "127.0.0.2:8080:80", None),
        ("0.0.0.0:8080:80", "[::]:8080:80", None),
    ],
)
def test_a_port_leads_to_one_guest(tmp_path, one, other, clash):
    text = lab(f'  web: {{forwards: ["{one}"]}}\n  db: {{forwards: ["{other}"]}}')
    if clash is None:
        assert len(vms(tmp_path, text)) == 2
    else:
        (problem,) = told(tmp_path, text)
        assert f"vms.db.forwards[0]: {clash}" in problem


def test_two_of_one_vm_collide_too(tmp_path):
    (problem,) = told(tmp_path, lab('  web: {forwards: ["80:80", "80:81"]}'))
    assert "vms.web.forwards[1]: 127.0.0.1:80 can't lead to web, it leads to web already" in problem


def test_a_port_that_counts_beyond_the_last_is_told(tmp_path):
    (problem,) = told(tmp_path, lab('  web: {count: 2, forwards: ["65535:80"]}'))
    assert "vms.web.forwards[0]: 65535 can't count up to 65536, ports end at 65535" in problem


def test_a_lab_has_a_thousand_at_most(tmp_path):
    (problem,) = told(tmp_path, lab('  web: {count: 11, forwards: ["1000-1099:1000-1099"]}'))
    assert "1100 ports are forwarded in all (1000 at most)" in problem


@pytest.mark.parametrize(
    ("network", "reached"),
    [
        ("{mode: isolated}", True),
        ("{subnet: false, ipv6: true}", True),
        ("{mode: isolated, host: false, subnet: 10.0.0.0/24}", False),
        ("{subnet: false}", False),
        ("{mode: bridge, bridge: br0}", False),
        ("{external: default}", False),
    ],
)
def test_the_host_has_to_be_on_a_network_of_the_vm(tmp_path, network, reached):
    text = lab('  web: {forwards: ["8080:80"]}', f"{{front: {network}}}")
    if reached:
        assert vms(tmp_path, text)["web"].forwards
    else:
        (problem,) = told(tmp_path, text)
        assert "vms.web.forwards: the host is on none of its networks" in problem
        assert "mode nat or isolated" in problem
