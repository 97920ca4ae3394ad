"""What a network and the addresses on it may say."""

import tracemalloc

import pytest

from tests.unit.labfile.labfiles import loaded, problems


def told(tmp_path, text):
    """The messages of a Labfile, without the file's name."""
    return [each.removeprefix("Labfile.yaml:") for each in problems(tmp_path, text)]


@pytest.mark.parametrize(
    ("network", "mode"),
    [
        ("{}", "nat"),
        ("{host: false}", "isolated"),
        ("{subnet: false}", "isolated"),
        ("{subnet: false, ipv6: true}", "nat"),
        ("{subnet: false, mode: open}", "open"),
    ],
)
def test_a_network_without_the_host_is_isolated_where_no_mode_is_written(tmp_path, network, mode):
    """Libvirt forwards from an address of the host only."""
    assert loaded(tmp_path, f"networks: {{n: {network}}}\n").lab.networks[0].mode == mode


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (
            "{mode: nat, host: false}",
            (
                "3:22: networks.n.mode: mode nat can't forward: the host has no address here "
                "(leave it out, or mode: isolated)"
            ),
        ),
        (
            "{mode: routed, subnet: false}",
            (
                "3:22: networks.n.mode: mode routed can't forward: the network has no addresses "
                "(leave it out, or mode: isolated)"
            ),
        ),
        (
            "{host: false, dns: {forwarders: [1.1.1.1]}}",
            "3:29: networks.n.dns: there can be no DNS: the host has no address here (leave dns out)",
        ),
        (
            "{subnet: false, ipv6: true, dhcp: {boot: {file: a}}}",
            "3:56: networks.n.dhcp.boot: there is no IPv4 here to give out",
        ),
        (
            "{mode: macvtap, dev: eth0, bandwidth: {inbound: 1MiB/s}}",
            "3:42: networks.n.bandwidth: libvirt can't limit a macvtap network (limit its NICs)",
        ),
        (
            "{subnet: 10.1.0.0/24, reserve: [10.1.0.15], dhcp: {range: 10.1.0.10-10.1.0.20}}",
            "3:73: networks.n.dhcp.range: the range holds 10.1.0.15, which is reserved",
        ),
        (
            "{subnet: 10.1.0.0/24, routes: [{to: 10.5.0.0/16, via: 10.9.0.1}]}",
            "3:69: networks.n.routes[0].via: 10.9.0.1 is outside 10.1.0.0/24, the subnet of n",
        ),
        (
            "{routes: [{to: 10.5.0.0/16, via: 10.9.0.1}]}",
            (
                "3:48: networks.n.routes[0].via: 10.9.0.1 needs a subnet that is written down "
                "(write subnet of n, so that it stays what it is)"
            ),
        ),
    ],
)
def test_what_libvirt_could_not_make_is_told(tmp_path, network, expected):
    assert told(tmp_path, f"networks: {{n: {network}}}\n") == [expected]


def test_routes_of_a_guest_lead_through_its_network(tmp_path):
    """Link-local next hops are everywhere; of a bridge labctl knows nothing but what is written."""
    text = """
        networks: {n: {subnet: 10.1.0.0/24, ipv6: "fd00::/64"}, b: {mode: bridge, bridge: br0}}
        vms:
          a:
            image: none
            networks:
              - {name: n, routes: [{to: 10.5.0.0/16, via: 10.1.0.9}, {to: "::/0", via: "fe80::1"}]}
              - {name: b, routes: [{to: 10.6.0.0/16, via: 192.168.1.1}]}
          b: {image: none, networks: [{name: n, routes: [{to: 10.5.0.0/16, via: 10.9.0.9}]}]}
        """
    assert told(tmp_path, text) == [
        "11:73: vms.b.networks[0].routes[0].via: 10.9.0.9 is outside 10.1.0.0/24, the subnet of n"
    ]


def test_one_address_twice_is_told_also_on_one_vm(tmp_path):
    text = """
        networks: {n: {subnet: 10.1.0.0/24}}
        vms: {a: {image: none, networks: [{name: n, ip: 10.1.0.5}, {name: n, nic: m, ip: 10.1.0.5}]}}
        """
    assert told(tmp_path, text) == ["5:82: vms.a.networks[1].ip: 10.1.0.5 is that of a already"]


def test_a_wide_range_for_strangers_is_counted_and_not_listed(tmp_path):
    wide = (
        "networks: {n: {subnet: 10.0.0.0/8, dhcp: {range: 10.0.0.10-10.255.255.250}}}\n"
        "vms: {a: {image: none, networks: [n]}}\n"
    )
    tracemalloc.start()
    found = problems(tmp_path, wide)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == []
    assert most < 50 << 20  # a list of them all has half a gigabyte


def test_a_range_for_strangers_leaves_less_room(tmp_path):
    """An address that is written may lie in it."""
    text = """
        networks: {n: {subnet: 10.1.0.0/29, dhcp: {range: 10.1.0.3-10.1.0.6}}}
        vms:
          a: {image: none, networks: [{name: n, ip: 10.1.0.4}]}
          b: {image: none, count: 2, networks: [n]}
        """
    assert told(tmp_path, text) == [
        "4:24: networks.n.subnet: 10.1.0.0/29 has 1 address left for 2 NICs (write a larger subnet)"
    ]
    assert told(tmp_path, text.replace("count: 2", "count: 1")) == []


@pytest.mark.parametrize(
    "subnet", ["0.0.0.0/0", "0.1.0.0/16", "127.0.0.0/24", "239.0.0.0/24", "240.0.0.0/24"]
)
def test_what_no_host_routes_is_no_subnet(tmp_path, subnet):
    assert told(tmp_path, f"networks: {{n: {{subnet: {subnet}}}}}\n") == [
        f"3:24: networks.n.subnet: {subnet} can't be a lab's network (choose a private one such as 10.90.0.0/24)"
    ]


@pytest.mark.parametrize("subnet", ["::/0", "::/64", "fe80::/64", "ff02::/64"])
def test_nor_of_ipv6(tmp_path, subnet):
    assert told(tmp_path, f'networks: {{n: {{ipv6: "{subnet}"}}}}\n') == [
        f"3:22: networks.n.ipv6: {subnet} can't be a lab's network (choose a private one such as fd00:90::/64)"
    ]


def test_a_gateway_has_an_address(tmp_path):
    """A reference to it would have no value."""
    text = """
        networks: {n: {gateway: a}, m: {subnet: false, ipv6: true, gateway: a}, o: {gateway: a}}
        vms:
          a:
            image: none
            networks: [{name: n, ip: false}, {name: m, ip: false}, {name: o, ip: false}, {name: o, nic: p}]
          b: {image: debian-12, networks: [n], cloud_init: {x: "${networks.n.gateway}"}}
        """
    assert told(tmp_path, text) == [
        "4:25: networks.n.gateway: the VM a has no address on this network (give its NIC one)"
    ]


def test_one_nic_has_the_default_route(tmp_path):
    text = """
        networks: {n: {}, m: {mode: isolated}, b: {mode: bridge, bridge: br0}}
        vms:
          a: {image: none, networks: [{name: n, default_route: true}, {name: b, default_route: true}]}
          b: {image: none, networks: [n, {name: m, default_route: true}]}
          c: {image: none, networks: [n, {name: b, default_route: true}, {name: m, default_route: false}]}
        """
    assert told(tmp_path, text) == [
        "6:88: vms.a.networks[1].default_route: the default route leads through n already (one NIC of a VM has it)",
        "7:59: vms.b.networks[1].default_route: m has no gateway (write its gateway)",
    ]


def test_a_nic_sends_no_more_than_its_network_carries(tmp_path):
    """Less is its own affair; what a network carries that is not labctl's own nobody knows."""
    text = """
        networks:
          n: {mtu: 9000}
          m: {}
          x: {external: default}
          b: {mode: bridge, bridge: br0}
        vms:
          a: {image: none, networks: [{name: n, mtu: 9216}, {name: m, mtu: 1501}]}
          b: {image: none, networks: [{name: n, mtu: 9000}, {name: m, mtu: 1400}]}
          c: {image: none, networks: [{name: x, mtu: 9216}, {name: b, mtu: 9216}]}
        """
    assert told(tmp_path, text) == [
        (
            "10:46: vms.a.networks[0].mtu: 9216 is more than 9000, the MTU of n "
            "(write mtu: 9216 on the network too, or 9000 at most here)"
        ),
        (
            "10:68: vms.a.networks[1].mtu: 1501 is more than 1500, which m has as long as it has no `mtu` "
            "(write mtu: 1501 on the network too, or 1500 at most here)"
        ),
    ]


def test_ipv6_needs_room(tmp_path):
    text = """
        networks: {n: {ipv6: true}, m: {ipv6: true, mtu: 1279}, k: {mtu: 600}}
        vms:
          a: {image: none, networks: [{name: n, mtu: 1279}]}
          b: {image: none, networks: [{name: n, mtu: 1279, ip6: false}, k]}
        """
    assert told(tmp_path, text) == [
        "4:50: networks.m.mtu: IPv6 needs 1280 bytes (write 1280 at least, or leave ipv6 out)",
        "6:46: vms.a.networks[0].mtu: IPv6 needs 1280 bytes (write 1280, or ip6: false)",
    ]


def test_no_next_hop_is_oneself(tmp_path):
    """Neither the host's nor the guest's; the kernel takes no such route."""
    text = """
        networks:
          n: {subnet: 10.1.0.0/24, routes: [{to: 10.8.0.0/16, via: 10.1.0.1}]}
        vms:
          a: {image: none, networks: [{name: n, ip: 10.1.0.5, routes: [{to: 10.9.0.0/16, via: 10.1.0.5}]}]}
        """
    assert told(tmp_path, text) == [
        "5:60: networks.n.routes[0].via: 10.1.0.1 is its own address (name the next hop)",
        "7:87: vms.a.networks[0].routes[0].via: 10.1.0.5 is its own address (name the next hop)",
    ]


@pytest.mark.parametrize(("ip", "problems"), [("10.1.0.8", 1), ("10.1.0.9", 0)])
def test_no_stranger_becomes_the_gateway(tmp_path, ip, problems):
    """Which a reservation sees to, where a VM has that address."""
    text = f"""
        networks: {{n: {{subnet: 10.1.0.0/24, gateway: 10.1.0.9, dhcp: {{range: 10.1.0.7-10.1.0.10}}}}}}
        vms: {{a: {{image: none, networks: [{{name: n, ip: {ip}}}]}}}}
        """
    expected = "4:70: networks.n.dhcp.range: the range holds 10.1.0.9, which is the gateway's"
    assert told(tmp_path, text) == [expected] * problems


@pytest.mark.parametrize("name", ["../x", "-x", "a/b", "/dev/x", "--help", "a b", "a,b", "a\\nb"])
@pytest.mark.parametrize("network", ["mode: bridge, bridge", "mode: macvtap, dev", "bridge", "dev"])
def test_no_name_of_a_host_network_is_a_path_or_an_option(tmp_path, network, name):
    assert told(tmp_path, f'networks: {{n: {{{network}: "{name}"}}}}\n')


def test_no_external_network_is_a_path(tmp_path):
    """Libvirt looks its name up, nothing else does; so a `-` at its beginning does no harm."""
    assert told(tmp_path, "networks: {n: {external: ../x}}\n")


@pytest.mark.parametrize(
    "name",
    [
        "x\\nconf-script=/tmp/evil\\n#",
        "x\\n",
        "x,10.0.0.9",
        "a b",
        "é",
        "${networks.n.host}\\nconf-script=/x",
        "${lab}\\n",
    ],
)
def test_a_boot_files_name_is_one_word_of_dnsmasqs_configuration(tmp_path, name):
    """Libvirt writes it there as it is, and dnsmasq runs as root."""
    boot = f'{{boot: {{file: "{name}"}}}}'
    (found,) = told(tmp_path, f"networks: {{n: {{subnet: 10.1.0.0/24, dhcp: {boot}}}}}\n")
    assert "networks.n.dhcp.boot.file: expected a file name" in found


@pytest.mark.parametrize("name", ["pxelinux.0", "http://10.1.0.1/boot.ipxe?x=1", "${networks.n.host}/boot"])
def test_what_can_be_booted_by_network_has_such_a_name(tmp_path, name):
    assert (
        told(tmp_path, f"networks: {{n: {{subnet: 10.1.0.0/24, dhcp: {{boot: {{file: '{name}'}}}}}}}}\n")
        == []
    )
