"""A network's spec as libvirt's XML, and back: `read(render(spec)) == spec`.

https://libvirt.org/formatnetwork.html
"""

from __future__ import annotations

from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from labctl.core import identity, xmltree
from labctl.core import spec as specs
from labctl.core.record import replace
from labctl.core.xmlfields import Children, Declaration, Fixed, Property, Rendered, Strings, Written
from labctl.core.xmlforms import NO, NUMBER, YES, Form
from labctl.kinds.network import ip, metadata, route
from labctl.kinds.network.dns import DNS_HOST
from labctl.kinds.network.ip import IP
from labctl.kinds.network.metadata import METADATA
from labctl.kinds.network.route import ROUTE
from labctl.kinds.network.spec import NetworkSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.core.xmltree import Element

_DNSMASQ = "http://libvirt.org/schemas/network/dnsmasq/1.0"
ET.register_namespace("dnsmasq", _DNSMASQ)

_FORWARD = {"nat": "nat", "routed": "route", "open": "open", "bridge": "bridge", "macvtap": "bridge"}
_MODE = Form(_FORWARD.get, lambda forward: "routed" if forward == "route" else forward, "isolated")


def _has_own_bridge(spec: NetworkSpec) -> bool:
    """Whether libvirt makes a bridge for the network."""
    return not spec.attached


def _forwards(spec: NetworkSpec) -> bool:
    return _has_own_bridge(spec) and spec.mode in _FORWARD


def _nat6(spec: NetworkSpec) -> str:
    """The value of `nat/@ipv6`: the guests' private IPv6 addresses reach no other network without NAT."""
    return "yes" if spec.mode == "nat" and spec.subnet6 else ""


def _bridge_mac(spec: NetworkSpec) -> str:
    return identity.bridge_mac(spec.lab, spec.name) if _has_own_bridge(spec) else ""


NETWORK = Declaration(
    "network",
    NetworkSpec,
    Written(lambda spec: spec.libvirt_name, "name"),
    Written(lambda spec: spec.uuid, "uuid"),
    Property("mode", "forward/@mode", _MODE),
    Property("dev", "forward/@dev", read_at=("forward/@dev", "forward/interface/@dev"), when=_forwards),
    Written(lambda spec: spec.dev if spec.attached else "", "forward/interface/@dev"),
    Written(_nat6, "forward/nat/@ipv6"),
    Property("bridge", "bridge/@name"),
    # With STP, libvirt's default, Linux blocks a new port for 4 s, whatever the delay. A fast guest is ready before
    # that, and can't be reached.
    Fixed("bridge/@stp", "off", when=_has_own_bridge),
    Fixed("bridge/@delay", "0", when=_has_own_bridge),
    Written(_bridge_mac, "mac/@address"),
    Property("mtu", "mtu/@size", NUMBER),
    Property("domain", "domain/@name"),
    Fixed("domain/@localOnly", "yes", when=lambda spec: spec.domain),
    Property("inbound", "bandwidth/inbound/@average", NUMBER),
    Property("outbound", "bandwidth/outbound/@average", NUMBER),
    Property("isolated", "port/@isolated", YES),
    Property("vlan", "vlan/tag/@id", NUMBER),
    Fixed("virtualport/@type", "openvswitch", when=lambda spec: spec.vlan),
    Fixed("dns", "", when=_has_own_bridge),
    Property("dns", "dns/@enable", NO, when=_has_own_bridge),
    Strings("forwarders", "dns/forwarder/@addr"),
    Children("dns_hosts", "dns/host", DNS_HOST),
    Rendered(lambda spec: map(IP.render, ip.of(spec))),
    Rendered(lambda spec: map(ROUTE.render, map(route.of, spec.routes))),
    Strings("dnsmasq", f"{{{_DNSMASQ}}}options/{{{_DNSMASQ}}}option/@value"),
)


def render(spec: NetworkSpec) -> Element:
    """Write the whole definition, with labctl's metadata and the user's own `xml:` edits."""
    _require_one_word(spec.boot_file)
    root = NETWORK.render(spec.unedited or spec)
    root.insert(2, metadata.render(spec))  # below the name and the UUID
    xmltree.edit(root, spec.xml)
    return root


def _require_one_word(boot_file: str) -> None:
    """ValueError for a name that would be more than one value in dnsmasq's configuration, where libvirt writes it.

    The Labfile's schema says the same; dnsmasq runs as root, so it is said twice.
    """
    if not boot_file.isascii() or not boot_file.isprintable() or set(boot_file) & {" ", ","}:
        raise ValueError(f"{boot_file!r} can't be a boot file's name")


def read(root: Element) -> NetworkSpec | None:
    """Read a network's XML; None when it has no metadata of labctl.

    The XML has no `active` and no `autostart`; whoever observes the network sets them.
    """
    own = xmltree.own_metadata(root, "network")
    if own is None:
        return None
    noted, values = METADATA.values(own), NETWORK.values(root)
    if values["mode"] == "bridge" and noted["mode"] == "macvtap":
        values["mode"] = "macvtap"
    values["dns_hosts"] = _with_address(values["dns_hosts"])
    values["routes"] = tuple(str(ROUTE.read(each)) for each in ROUTE.elements(root))
    return NetworkSpec(**noted | values | _addresses(root))


def _addresses(root: Element) -> dict[str, Any]:
    """The fields of the `<ip>` elements."""
    found: dict[str, Any] = {}
    ips = [IP.read(each) for each in IP.elements(root)]
    for each in ips:
        found["host6" if each.v6 else "host4"] = str(each)
        if each.ranges and not each.v6:
            found["dhcp_range"] = str(each.ranges[0])
        if each.file or each.server:
            found |= {"boot_file": each.file, "boot_server": each.server}
    return found | {"dhcp_hosts": _with_address(host for each in ips for host in each.hosts)}


def _with_address(hosts: Iterable[Any]) -> tuple[Any, ...]:  # DhcpHosts or DnsHosts
    """The hosts that have an address, sorted: libvirt also allows hosts without one, which others may have added."""
    return tuple(sorted((host for host in hosts if host.ip is not None), key=lambda host: host.key))


def adopt(root: Element, lab: str, name: str) -> NetworkSpec:
    """Read the XML of a network that labctl made, and from which someone removed labctl's metadata."""
    xmltree.mark(root, "network", lab, name)
    seen = read(root)
    assert seen is not None  # mark() has added the metadata
    subnets = {
        f"subnet{version}": str(ip_interface(host).network)
        for version, host in ((4, seen.host4), (6, seen.host6))
        if host
    }
    return replace(seen, unmarked=specs.YES, **subnets)


_NOT_IN_XML = ("autostart", "xml")


def effective(spec: NetworkSpec) -> NetworkSpec:
    """The spec after the user's `xml:` edits, so that a plan does not take the edits for drift."""
    seen = read(render(spec)) if spec.xml else None
    if seen is None:
        return spec
    owned = (each.name for each in specs.owned_by(type(spec)).settings if each.name not in _NOT_IN_XML)
    return replace(spec, unedited=spec, **{name: getattr(seen, name) for name in owned})
