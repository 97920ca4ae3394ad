"""Hypothesis strategies for specs, shared by all tests: whatever they make is legal for libvirt."""

import string
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface, ip_interface

from hypothesis import strategies as st

from labctl.guest.nic_config import DEFAULT, NicConfig, Route
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.network.spec import DhcpHost, DnsHost, NetworkSpec
from labctl.kinds.vm.disks_and_nics import DiskUse, NicUse
from labctl.kinds.vm.spec import VmSpec

# put together by hand: of a regular expression, hypothesis makes the same in five times the time
names = st.tuples(
    st.sampled_from(string.ascii_lowercase),
    st.text(st.sampled_from(f"{string.ascii_lowercase}{string.digits}-"), max_size=11),
).map("".join)
macs = st.integers(0, 2**24 - 1).map(lambda n: f"52:54:00:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}")
texts = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=("Cc", "Cs")), max_size=20
)
words = texts.filter(lambda text: text == text.strip() and text != "" and ";" not in text)
digests = st.integers(0, 2**64 - 1).map("{:016x}".format)
mebibytes = st.integers(64, 4096).map(lambda n: n << 20)


@st.composite
def networks(draw: st.DrawFn) -> NetworkSpec:
    mode = draw(st.sampled_from(["nat", "isolated", "routed", "open", "bridge", "macvtap"]))
    own = mode not in ("bridge", "macvtap")
    subnet = IPv4Network((draw(st.integers(0x0A000000, 0x0AFFFF00)) & ~0xFF, 24))
    hosted = own and draw(st.booleans())
    numbers = draw(st.lists(st.integers(2, 200), unique=True, max_size=4)) if hosted else []
    ips = [IPv4Address(int(subnet.network_address) + number) for number in numbers]
    hosts = [DhcpHost(ip, draw(names), mac) for ip, mac in zip(ips, draw(_macs(len(ips))), strict=True)]
    dns = [DnsHost(ip, tuple(draw(st.lists(names, min_size=1, max_size=2, unique=True)))) for ip in ips]
    ranged = hosted and draw(st.booleans())
    return NetworkSpec(
        lab=draw(names),
        name=draw(names),
        mode=mode,
        bridge=f"lab-{draw(st.integers(0, 2**32 - 1)):08x}" if mode != "macvtap" else "",
        dev="eth9" if mode == "macvtap" else "",
        subnet4=str(subnet) if own else "",
        host4=f"{subnet.network_address + 1}/24" if hosted else "",
        dhcp_range=f"{subnet.network_address + 201}-{subnet.network_address + 250}" if ranged else "",
        dhcp_hosts=tuple(sorted(hosts, key=lambda host: host.key)),
        dns=hosted or not own,
        dns_hosts=tuple(sorted(dns, key=lambda host: host.key)),
        domain=draw(st.sampled_from(["", "shop.lab"])) if hosted else "",
        boot_file="boot.ipxe" if ranged and draw(st.booleans()) else "",
        forwarders=draw(st.sampled_from([(), ("9.9.9.9", "2620:fe::fe")])) if own else (),
        routes=draw(st.sampled_from([(), ("10.200.0.0/16 via 10.0.0.9",)])) if hosted else (),
        vlan=draw(st.sampled_from([0, 7])) if mode == "bridge" else 0,
        dnsmasq=draw(st.sampled_from([(), ("dhcp-option=option:router", "ra-param=*,0,0")])) if own else (),
        mtu=draw(st.sampled_from([0, 1400, 9000])) if own else 0,
        inbound=draw(st.sampled_from([0, 1024])) if own else 0,
        outbound=draw(st.sampled_from([0, 2048])) if own else 0,
        isolated=draw(st.booleans()),
        file=draw(st.sampled_from(["/labs/a/Labfile.yaml", '/labs/ä <&">/Labfile.yaml'])),
        applied=draw(digests),
    )


def _macs(count: int) -> st.SearchStrategy[list[str]]:
    return st.lists(macs, min_size=count, max_size=count, unique=True)


ip_addresses = st.ip_addresses()


@st.composite
def _interfaces(draw: st.DrawFn, version: int) -> IPv4Interface | IPv6Interface:
    address = draw(st.ip_addresses(v=version))
    return ip_interface((address, draw(st.integers(0, address.max_prefixlen))))


@st.composite
def _routes(draw: st.DrawFn) -> Route:
    to = draw(st.sampled_from([4, 6]).flatmap(_interfaces)).network
    return Route(draw(st.sampled_from([DEFAULT, to])), draw(st.ip_addresses(v=to.version)))


@st.composite
def nic_configs(draw: st.DrawFn) -> NicConfig:
    """Whatever a Labfile can make of a NIC, and more."""
    addresses = [draw(_interfaces(version)) for version in (4, 6) if draw(st.booleans())]
    return NicConfig(
        mtu=draw(st.sampled_from([0, 68, 1400, 9000])),
        addresses=tuple(addresses),
        dhcp4=draw(st.booleans()),
        routes=tuple(draw(st.lists(_routes(), max_size=3))),
    )


@st.composite
def nics(draw: st.DrawFn, lab: str) -> NicUse:
    network = draw(names)
    return NicUse(
        name=draw(names),
        mac=draw(macs),
        network=f"{lab}.{network}",
        ours=network,
        model=draw(st.sampled_from(["virtio", "e1000", "rtl8139"])),
        link=draw(st.sampled_from(["up", "down"])),
        mtu=draw(st.sampled_from([0, 1400])),
        inbound=draw(st.sampled_from([0, 512])),
        guest=draw(nic_configs()),
    )


@st.composite
def vms(draw: st.DrawFn) -> VmSpec:
    lab, name = draw(names), draw(names)
    folder = f"/var/lib/libvirt/images/labctl-{lab}"
    disks = [
        DiskUse(
            "root",
            f"{folder}/{name}.root",
            f"{name}/root",
            serial="root",
            bus=draw(st.sampled_from(["virtio", "scsi", "sata"])),
        )
    ]
    disks += [
        DiskUse(
            each,
            f"{folder}/{name}.{each}",
            f"{name}/{each}",
            serial=each,
            cache=draw(st.sampled_from(["", "none"])),
        )
        for each in draw(
            st.lists(names.filter(lambda n: n not in ("root", "seed", "console")), max_size=3, unique=True)
        )
    ]
    disks.append(DiskUse("seed", f"{folder}/{name}.seed", format="raw", bus=disks[0].bus, readonly=True))
    memory = draw(mebibytes)
    uefi = draw(st.booleans())
    spec = VmSpec(
        lab=lab,
        name=name,
        cpus=draw(st.integers(1, 8)),
        memory=memory,
        max_memory=memory + draw(mebibytes),
        disks=tuple(disks),
        nics=tuple(draw(st.lists(nics(lab), max_size=3, unique_by=(lambda n: n.name, lambda n: n.mac)))),
        arch="x86_64",
        accel=draw(st.sampled_from(["kvm", "qemu"])),
        machine=draw(st.sampled_from([None, "pc", "q35"])),
        cpu_mode=draw(st.sampled_from([None, "maximum", "host-passthrough"])),
        cpu_topology=draw(st.sampled_from([None, "1:2:1"])),
        tb_cache=draw(st.sampled_from([None, 64 << 20, 256 << 20])),
        firmware="uefi" if uefi else "bios",
        secure_boot=uefi and draw(st.booleans()),
        tpm=draw(st.booleans()),
        kernel="" if uefi else draw(st.sampled_from(["", "/images/vmlinuz"])),
        cmdline=draw(st.one_of(st.just(""), words)),
        graphics=draw(st.sampled_from(["none", "vnc", "spice"])),
        protect=draw(st.booleans()),
        hosts=draw(st.sampled_from(["", "0123456789abcdef"])),
        ready=draw(st.booleans()),
        awaited=draw(st.booleans()),
        console_log=f"{folder}/{name}.console",
        seed="01234567:0123456789abcdef",
        # names before its own: the loader refuses cycles
        after=tuple(
            (each, "ready") for each in draw(st.lists(names, max_size=2, unique=True)) if each < name
        ),
        file=draw(st.sampled_from(["/labs/a/Labfile.yaml", '/labs/ä <&">/Labfile.yaml'])),
        base=name,
        user="lab",
        applied=draw(digests),
    )
    return spec.with_targets({})


@st.composite
def disks(draw: st.DrawFn) -> DiskSpec:
    size = draw(st.integers(1, 64)) << 30
    base = draw(st.sampled_from(["", "sha256-aa.img"]))
    return DiskSpec("lab", f"{draw(names)}/{draw(names)}", size, base, image="aa" if base else "")


specs = st.one_of(networks(), vms(), disks())
labs = st.lists(specs, max_size=8).map(lambda each: {spec.address: spec for spec in each})
