"""Between a network's spec and libvirt's XML; `read(render(spec)) == spec`."""

from __future__ import annotations

import json
from ipaddress import ip_interface, ip_network
from typing import TYPE_CHECKING, cast
from xml.etree import ElementTree as ET

from labctl import __version__, resources
from labctl.core import identity, xmltree
from labctl.core.ip import read_addresses
from labctl.core.record import replace
from labctl.core.spec import YES, owned_by
from labctl.core.xmltree import attribute
from labctl.kinds.network.spec import DhcpHost, DnsHost, NetworkSpec

if TYPE_CHECKING:
    from labctl.core.xmltree import Element
    from labctl.kinds.network.spec import Mode

DNSMASQ = "http://libvirt.org/schemas/network/dnsmasq/1.0"
_FORWARD = {
    "nat": "nat",
    "routed": "route",
    "open": "open",
    "bridge": "bridge",
    "macvtap": "bridge",
    "isolated": None,
}

ET.register_namespace("dnsmasq", DNSMASQ)


def render(spec: NetworkSpec) -> Element:
    """Write the whole definition, with labctl's metadata and the user's own `xml:` edits."""
    root = _rendered(spec.unedited or spec)
    root.insert(2, _metadata(spec))
    xmltree.edit(root, spec.xml)
    return root


def _rendered(spec: NetworkSpec) -> Element:
    ours = not spec.attached
    root = xmltree.fill(
        resources.text("templates/libvirt/network.xml"),
        {
            "name": spec.libvirt_name,
            "uuid": identity.object_uuid(spec.lab, "network", spec.name),
            "forward": _FORWARD[spec.mode],
            "nat6": "yes" if spec.mode == "nat" and spec.subnet6 else None,  # a ULA leads nowhere without
            "bridge": spec.bridge or None,
            # with STP, which is libvirt's default, Linux lets nothing through a new port for 4 s, whatever the delay:
            # a quick guest is ready by then, and nobody reaches it
            "stp": "off" if ours else None,
            "delay": 0 if ours else None,
            "mtu": spec.mtu or None,
            "domain": spec.domain or None,
            "inbound": spec.inbound or None,
            "outbound": spec.outbound or None,
            "isolated": "yes" if spec.isolated else None,
            "vlan": spec.vlan or None,
            "virtualport": "openvswitch" if spec.vlan else None,
        },
    )
    if spec.dev:
        forward = root.find("forward")
        if forward is not None:
            forward.set("dev", spec.dev) if ours else ET.SubElement(forward, "interface", dev=spec.dev)
    if ours:
        root.append(_dns(spec))
        root.extend(_ip_elements(spec))
    root.extend(_route(text) for text in spec.routes)
    if spec.dnsmasq:
        options = ET.SubElement(root, f"{{{DNSMASQ}}}options")
        for value in spec.dnsmasq:
            ET.SubElement(options, f"{{{DNSMASQ}}}option", value=value)
    return root


_NOT_IN_XML = ("autostart", "xml")


def effective(spec: NetworkSpec) -> NetworkSpec:
    """The spec as it is once the user's own `xml:` edits were applied, so that what they changed is no drift."""
    seen = read(render(spec)) if spec.xml else None
    if seen is None:
        return spec
    owned = (each.name for each in owned_by(type(spec)).settings if each.name not in _NOT_IN_XML)
    return replace(spec, unedited=spec, **{name: getattr(seen, name) for name in owned})


def _metadata(spec: NetworkSpec) -> Element:
    return xmltree.metadata(
        "network",
        {
            "lab": spec.lab,
            "address": str(spec.address),
            "file": spec.file,
            "version": __version__,
            "applied": spec.applied,
            "mode": spec.mode,
            "subnet4": spec.subnet4,
            "subnet6": spec.subnet6,
            "xml": json.dumps(spec.xml) if spec.xml else None,
        },
    )


def _dns(spec: NetworkSpec) -> Element:
    dns = ET.Element("dns")
    if not spec.dns:
        dns.set("enable", "no")
    for address in spec.forwarders:
        ET.SubElement(dns, "forwarder", addr=address)
    dns.extend(dns_host(host) for host in spec.dns_hosts)
    return dns


def dns_host(host: DnsHost) -> Element:
    """One `<host ip=…>` of `<dns>`, also what virNetworkUpdate takes."""
    element = ET.Element("host", ip=str(host.ip))
    for name in host.names:
        ET.SubElement(element, "hostname").text = name
    return element


def dhcp_host(host: DhcpHost) -> Element:
    """One `<host …>` of `<dhcp>`, also what virNetworkUpdate takes."""
    known = {"mac": host.mac, "name": host.vm, "ip": str(host.ip)}
    return ET.Element("host", {name: value for name, value in known.items() if value})


def dhcp_range(text: str) -> Element:
    start, _, end = text.partition("-")
    return ET.Element("range", start=start, end=end)


def _ip_elements(spec: NetworkSpec) -> list[Element]:
    elements = []
    for text, family in ((spec.host4, "ipv4"), (spec.host6, "ipv6")):
        if text:
            host = ip_interface(text)
            element = ET.Element(
                "ip", family=family, address=str(host.ip), prefix=str(host.network.prefixlen)
            )
            hosts = [each for each in spec.dhcp_hosts if each.ip.version == host.version]
            ranged = spec.dhcp_range and family == "ipv4"
            if hosts or ranged:
                element.append(_dhcp(spec, hosts, ranged=bool(ranged), v4=family == "ipv4"))
            elements.append(element)
    return elements


def _dhcp(spec: NetworkSpec, hosts: list[DhcpHost], *, ranged: bool, v4: bool) -> Element:
    dhcp = ET.Element("dhcp")
    if ranged:
        dhcp.append(dhcp_range(spec.dhcp_range))
    dhcp.extend(dhcp_host(host) for host in hosts)
    if spec.boot_file and v4:
        server = {"server": spec.boot_server} if spec.boot_server else {}
        ET.SubElement(dhcp, "bootp", {"file": spec.boot_file} | server)
    return dhcp


def _route(text: str) -> Element:
    to, _, via = text.partition(" via ")
    network = ip_network(to)
    return ET.Element(
        "route",
        family=f"ipv{network.version}",
        address=str(network.network_address),
        prefix=str(network.prefixlen),
        gateway=via,
    )


def adopt(root: Element, lab: str, name: str) -> NetworkSpec:
    """Read a definition of ours from which someone removed labctl's mark."""
    xmltree.mark(root, "network", lab, name)
    seen = read(root)
    assert seen is not None  # it has a mark now
    subnets = {
        f"subnet{version}": str(ip_interface(host).network)
        for version, host in ((4, seen.host4), (6, seen.host6))
        if host
    }
    return replace(seen, unmarked=YES, **subnets)


def read(root: Element) -> NetworkSpec | None:
    """Read a definition of ours back; None when it carries no metadata of labctl.

    `active` and `autostart` are not in the XML; the driver sets them.
    """
    own = xmltree.own_metadata(root, "network")
    if own is None:
        return None
    bandwidth = {
        tag: int(attribute(root, f"bandwidth/{tag}", "average") or 0) for tag in ("inbound", "outbound")
    }
    spec = NetworkSpec(
        lab=own.get("lab", ""),
        name=own.get("address", "").partition("/")[2],
        mode=_mode(root, own),
        bridge=attribute(root, "bridge", "name"),
        dev=attribute(root, "forward", "dev") or attribute(root, "forward/interface", "dev"),
        subnet4=own.get("subnet4", ""),
        subnet6=own.get("subnet6", ""),
        dns=attribute(root, "dns", "enable") != "no",
        dns_hosts=_read_dns_hosts(root),
        domain=attribute(root, "domain", "name"),
        forwarders=tuple(each.get("addr", "") for each in root.findall("dns/forwarder")),
        dnsmasq=tuple(
            each.get("value", "") for each in root.findall(f"{{{DNSMASQ}}}options/{{{DNSMASQ}}}option")
        ),
        routes=tuple(map(_read_route, root.findall("route"))),
        mtu=int(attribute(root, "mtu", "size") or 0),
        vlan=int(attribute(root, "vlan/tag", "id") or 0),
        inbound=bandwidth["inbound"],
        outbound=bandwidth["outbound"],
        isolated=attribute(root, "port", "isolated") == "yes",
        xml=tuple(tuple(each) for each in json.loads(own.get("xml", "[]"))),
        file=own.get("file", ""),
        applied=own.get("applied", ""),
    )
    return _read_ips(spec, root)


def _mode(root: Element, own: Element) -> Mode:
    """The mode as libvirt has it now; the metadata tells bridge from macvtap, which look alike."""
    forward = root.find("forward")
    mode = "isolated" if forward is None else forward.get("mode", "nat")
    if mode == "bridge":
        return "macvtap" if own.get("mode") == "macvtap" else "bridge"
    return "routed" if mode == "route" else cast("Mode", mode)


def _read_ips(spec: NetworkSpec, root: Element) -> NetworkSpec:
    hosts: list[DhcpHost] = []
    for element in root.findall("ip"):
        v6 = element.get("family") == "ipv6"
        address = f"{element.get('address')}/{_prefix(element)}"
        spec = replace(spec, host6=address) if v6 else replace(spec, host4=address)
        hosts += [
            DhcpHost(ip, each.get("name", ""), each.get("mac", "").lower())
            for each in element.findall("dhcp/host")
            for ip in read_addresses([each.get("ip", "")])
        ]
        if (ranged := element.find("dhcp/range")) is not None and not v6:
            spec = replace(spec, dhcp_range=f"{ranged.get('start')}-{ranged.get('end')}")
        if (bootp := element.find("dhcp/bootp")) is not None:
            spec = replace(spec, boot_file=bootp.get("file", ""), boot_server=bootp.get("server", ""))
    return replace(spec, dhcp_hosts=tuple(sorted(hosts, key=lambda host: host.key)))


def _prefix(element: Element) -> str:
    if netmask := element.get("netmask"):
        return str(ip_interface(f"{element.get('address')}/{netmask}").network.prefixlen)
    return element.get("prefix", "")


def _read_dns_hosts(root: Element) -> tuple[DnsHost, ...]:
    hosts = [
        DnsHost(ip, tuple(each.text or "" for each in element.findall("hostname")))
        for element in root.findall("dns/host")
        for ip in read_addresses([element.get("ip", "")])
    ]
    return tuple(sorted(hosts, key=lambda host: host.key))


def _read_route(element: Element) -> str:
    return f"{element.get('address')}/{_prefix(element)} via {element.get('gateway')}"
