"""References such as `${vms.db.back.ip}` in any text, networks' own fields included."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from labctl.core.errors import Rejected
from labctl.engine.allocate import allocate_with_references
from tests.unit.labfile.labfiles import loaded, problems

NETWORKS = "networks: {a: {subnet: 10.1.0.0/24}, b: {subnet: 10.2.0.0/24}}\n"


def settled(tmp_path, text):
    filled, allocation = allocate_with_references(loaded(tmp_path, text), {}, ())
    assert not allocation.problems
    return filled.lab, allocation


def told(tmp_path, text):
    return [each.partition(": ")[2] for each in problems(tmp_path, text)]


def test_networks_take_references_in_all_their_texts(tmp_path):
    lab, allocation = settled(
        tmp_path,
        """
        networks:
          core: {}
          lan:
            subnet: 10.1.0.0/24
            host: 10.1.0.3
            gateway: ${vms.fw.lan.ip}
            reserve: ["${vms.fw.lan.ip}", 10.1.0.9]
            dhcp: {range: "10.1.0.100-${vms.top.lan.ip}", boot: {server: "${networks.core.host}", file: x}}
            dns: {forwarders: ["${networks.core.host}"], hosts: {api: "${vms.web.core.ip}"}}
            domain: at-${networks.core.host}.lab
            routes: [{to: "${networks.far.subnet}", via: "${vms.fw.lan.ip}"}]
            xml: [{at: ., add: "<title>${networks.core.subnet}</title>"}]
          far: {subnet: 10.3.0.0/24, host: false}
        vms:
          web: {image: none, networks: [core]}
          fw: {image: none, networks: [{name: lan, ip: 10.1.0.5}, {name: core, mac: "52:54:00:00:00:07"}]}
          top: {image: none, networks: [{name: lan, ip: 10.1.0.200}]}
        """,
    )
    lan, core = lab.networks[1], allocation.networks["core"]
    assert (lan.host, lan.gateway) == ((IPv4Address("10.1.0.3"),), IPv4Address("10.1.0.5"))
    assert lan.reserve == (IPv4Address("10.1.0.5"), IPv4Address("10.1.0.9"))
    assert lan.dhcp.range == (IPv4Address("10.1.0.100"), IPv4Address("10.1.0.200"))
    assert (lan.dhcp.boot_server, lan.dns_forwarders) == (str(core.host4), (str(core.host4),))
    assert lan.domain == f"at-{core.host4}.lab"
    assert lan.xml[0].value == f"<title>{core.subnet4}</title>"
    assert lan.routes[0].to == IPv4Network("10.3.0.0/24")
    assert lan.routes[0].via == IPv4Address("10.1.0.5")
    assert lan.dns_hosts == (("api", allocation.nics["web", "core"].ip),)


def test_nics_take_references_and_count_upward_from_them(tmp_path):
    text = (
        NETWORKS
        + """
vms:
  fw: {image: none, networks: [{name: a, ip: 10.1.0.7}, {name: b, ip: 10.2.0.7}]}
  web: {image: none, count: 2, hostname: "web-${vms.fw.a.ip}.lab",
        networks: [{name: a, ip: 10.1.0.20, routes: [{to: "${networks.b.subnet}", via: "${vms.fw.a.ip}"}]}]}
  twin: {image: none, networks: [{name: b, ip: "${vms.other.b.ip}"}]}
  other: {image: none, networks: [{name: b, nic: x, ip: 10.2.0.8}, {name: b, ip: 10.2.0.9, link: down}]}
  spare: {image: none, networks: [a]}
"""
    )
    with pytest.raises(Rejected) as error:
        settled(tmp_path, text)
    assert [each.summary for each in error.value.problems] == ["10.2.0.9 is that of twin already"]
    lab, _ = settled(tmp_path, text.replace("${vms.other.b.ip}", "10.2.0.11"))
    route = lab.vms[2].nics[0].routes[0]
    assert (route.to, route.via) == (IPv4Network("10.2.0.0/24"), IPv4Address("10.1.0.7"))
    assert lab.vms[1].hostname == "web-10.1.0.7.lab"


def test_values_that_follow_from_one_another_are_filled_in_by_their_order(tmp_path):
    """A chain over three networks; what is not known yet is not judged by what it is for a while."""
    lab, allocation = settled(
        tmp_path,
        """
        networks:
          a: {subnet: 10.1.0.0/24, host: false, gateway: "${networks.b.gateway}"}
          b: {subnet: "${networks.c.subnet}", host: false, gateway: "${vms.x.c.ip}"}
          c: {subnet: 10.1.0.0/24, host: false, reserve: ["${vms.y.d.ip}"]}
          d: {subnet: 10.1.0.0/24, host: false, reserve: [10.1.0.1]}
        vms:
          x: {image: none, networks: [c]}
          y: {image: none, networks: [d]}
          z: {image: none, networks: [a, b]}
        """,
    )
    assert allocation.nics["y", "d"].ip == IPv4Address("10.1.0.2")
    assert lab.networks[2].reserve == (IPv4Address("10.1.0.2"),)
    assert allocation.nics["x", "c"].ip == IPv4Address("10.1.0.1")
    assert lab.networks[1].subnet == IPv4Network("10.1.0.0/24")
    assert lab.networks[0].gateway == IPv4Address("10.1.0.1")


@pytest.mark.parametrize(
    ("networks", "vms", "circle"),
    [
        (
            'a: {subnet: 10.1.0.0/24, reserve: ["${vms.x.a.ip}"]}',
            "x: {image: none, networks: [a]}",
            "networks.a.reserve[0]: this follows from itself: vms.x.a.ip → vms.x.a.ip",
        ),
        (
            'a: {subnet: "${networks.b.subnet}"}, b: {subnet: "${networks.a.subnet}"}',
            "",
            "networks.b.subnet: this follows from itself: networks.a.subnet → networks.b.subnet → networks.a.subnet",
        ),
        (
            'a: {subnet: 10.1.0.0/24}, b: {subnet: 10.2.0.0/24, host: "${vms.x.a.ip}"}',
            'x: {image: none, networks: [{name: a, ip: "${vms.y.b.ip}"}]}, y: {image: none, networks: [b]}',
            (
                "vms.x.networks[0].ip: this follows from itself: "
                "vms.y.b.ip → networks.b.host → vms.x.a.ip → vms.y.b.ip"
            ),
        ),
        (
            'a: {}, b: {subnet: "${networks.a.subnet}", host: false}',
            "",
            "networks.b.subnet: this follows from itself: networks.a.subnet → networks.b.subnet → networks.a.subnet",
        ),
    ],
)
def test_a_circle_is_told_once_with_all_that_is_in_it(tmp_path, networks, vms, circle):
    text = f"networks: {{{networks}}}\nvms: {{{vms}}}\n"
    assert told(tmp_path, text) == [f"{circle} (write one of them down)"]


def test_what_no_reference_can_be_is_told_as_any_wrong_value(tmp_path):
    text = (
        NETWORKS
        + 'vms: {x: {image: none, memory: "${networks.a.host}", cpus: "${networks.a.host}", networks: [a,'
        ' {name: b, ip: "${vms.x.a.mac}", mac: "${vms.x.a.ip}"}]}}\n'
    )
    assert told(tmp_path, text) == [
        'vms.x.memory: expected a size such as 512MiB or 20GiB, got "${networks.a.host}"',
        'vms.x.cpus: expected a number of CPUs between 1 and 512, got "${networks.a.host}"',
        'vms.x.networks[1].ip: expected an IPv4 address, got "${vms.x.a.mac}"',
        'vms.x.networks[1].mac: expected a MAC address such as 52:54:00:12:34:56, got "${vms.x.a.ip}"',
    ]


def test_what_comes_out_is_judged_at_its_place(tmp_path):
    """Its form, and whether it fits the rest."""
    text = (
        NETWORKS + "vms: {x: {image: none, networks: [{name: a, ip: 10.1.0.9}]},"
        ' y: {image: none, networks: [{name: b, ip: "${vms.x.a.ip}"}]}}\n'
    )
    with pytest.raises(Rejected) as error:
        settled(tmp_path, text)
    assert [str(each).partition("yaml:")[2] for each in error.value.problems] == [
        "4:104: vms.y.networks[0].ip: 10.1.0.9 is outside 10.2.0.0/24, the subnet of b"
    ]


def test_on_networks_of_the_host_only_what_is_written_down_is_known(tmp_path):
    text = """
        networks: {e: {external: default}, m: {mode: macvtap, dev: eth0}, n: {subnet: 10.1.0.0/24}}
        vms:
          x: {image: none, networks: [e, {name: m, ip: "${vms.z.n.ip}"}]}
          y: {image: none, networks: [m], hostname: "${vms.x.m.ip}"}
          z: {image: none, networks: [n], hostname: "${vms.x.e.ip}"}
          w: {image: none, networks: [n], hostname: "${vms.y.m.ip}"}
        """
    assert told(tmp_path, text) == [
        "vms.z.hostname: ${vms.x.e.ip}: labctl can't know this address (e is external)",
        "vms.w.hostname: ${vms.y.m.ip}: labctl can't know this address (m is macvtap)",
    ]
