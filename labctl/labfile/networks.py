"""Reads `networks` and `volumes`, and reports fields of a network that contradict each other."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import TYPE_CHECKING, Any

from labctl.core import identity
from labctl.labfile import reserved_names
from labctl.labfile.model import Dhcp, Network, Volume
from labctl.labfile.placeholders import PLACEHOLDER
from labctl.labfile.values import address, addresses, bandwidth, network, routes, whole_size
from labctl.labfile.xml_edits import read_xml_edits
from labctl.labfile.yaml_tree import Map, was_removed

if TYPE_CHECKING:
    from labctl.labfile.problems import Problems

__all__ = ["ATTACHED", "has_gateway", "read_network", "read_volume"]

ATTACHED = frozenset(
    {"bridge", "macvtap"}
)  # modes in which libvirt attaches guests to an existing bridge or device
_OWN = (
    "host",
    "dhcp",
    "domain",
    "dns",
    "routes",
    "mtu",
    "isolate_guests",
)  # fields that need libvirt's own bridge
_PRIVATE = {"subnet": "10.90.0.0/24", "ipv6": "fd00:90::/64"}
_NEVER = [
    ip_network(each)  # hosts don't route these
    for each in ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/127", "fe80::/10", "ff00::/8")
]
IPV6_MTU = 1280  # the least MTU of IPv6 (RFC 8200)
_SMALLEST = {4: 30, 6: 126}  # prefix lengths of the smallest subnets with two usable addresses


def read_volume(name: str, tree: Map, problems: Problems) -> Volume:
    """Read one of `volumes`. Its size is rounded up to whole KiB, as that of any disk."""
    return Volume(name, whole_size(tree, "size", "KiB", problems))


def read_network(name: str, tree: Map, problems: Problems) -> Network:
    """Read one of `networks`."""
    if "external" in tree:
        for key in tree:
            if key != "external":
                problems.at_key(tree, key, f"{key} can't be set on an external network", "leave it out")
        return Network(name, external=tree["external"])
    ipv6 = tree.get("ipv6", False)
    no_host = tree.get("host") is False or (tree.get("subnet") is False and not ipv6)
    dns = tree.get("dns") or Map(tree.mark)
    hosts = dns.get("hosts") or Map(tree.mark)
    for each in hosts:
        reserved_names.report("name of the network's DNS", each, hosts, each, problems)
    names = [(each, address(hosts, each, problems)) for each in sorted(hosts)]
    result = Network(
        name,
        mode=tree.get("mode", "isolated" if no_host else "nat"),  # libvirt can't forward without an address
        subnet=_subnet(tree, "subnet", problems) if "subnet" in tree else None,
        ipv6=bool(ipv6) if isinstance(ipv6, bool) else _subnet(tree, "ipv6", problems) or False,
        host=_host(tree, problems),
        gateway=_gateway(tree),
        dhcp=_dhcp(tree, problems),
        domain=tree.get("domain"),
        dns_forwarders=tuple(map(str, addresses(dns, "forwarders", problems))) if "forwarders" in dns else (),
        dns_hosts=tuple((each, ip) for each, ip in names if ip is not None),
        reserve=addresses(tree, "reserve", problems),
        routes=routes(tree, problems),
        bridge=tree.get("bridge"),
        dev=tree.get("dev"),
        mtu=_whole(tree.get("mtu")),
        vlan=_whole(tree.get("vlan")),
        bandwidth=bandwidth(tree.get("bandwidth"), problems),
        isolate_guests=tree.get("isolate_guests", False),
        xml=read_xml_edits(tree, problems),
    )
    _check(result, tree, problems)
    return result


def _check(result: Network, tree: Map, problems: Problems) -> None:
    """Report fields that contradict each other, or that collide with names that labctl gives."""
    if not was_removed(tree, "mode", "subnet", "ipv6", "host", "bridge", "dev"):
        _combinations(result, tree, problems)
    if result.mtu and result.mtu < IPV6_MTU and result.ipv6:
        hint = f"write {IPV6_MTU} at least, or leave ipv6 out"
        problems.at(tree, "mtu", f"IPv6 needs {IPV6_MTU} bytes", hint)
    if result.mode not in ATTACHED and identity.is_bridge_name(result.bridge or ""):
        hint = "write another name, or leave it out"
        problems.at(
            tree, "bridge", f"{result.bridge} may be what labctl calls another network's bridge", hint
        )


def has_gateway(net: Network) -> bool:
    """Whether labctl gives guests on this network a default route; the host's own network may give one by DHCP."""
    if net.gateway is None:
        return net.mode in {"nat", "routed"}
    return net.gateway is not False


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _subnet(tree: Map, key: str, problems: Problems) -> Any:
    if tree[key] is False:
        return False
    found = network(tree, key, problems)
    if found is None:
        return None
    if any(found.overlaps(each) for each in _NEVER if each.version == found.version):
        problems.at(
            tree, key, f"{found} can't be a lab's network", f"choose a private one such as {_PRIVATE[key]}"
        )
        return None
    if found.prefixlen > _SMALLEST[found.version]:
        problems.at(
            tree, key, f"{found} has no room for two addresses", f"write /{_SMALLEST[found.version]} at most"
        )
        return None
    return found


def _host(tree: Map, problems: Problems) -> Any:
    written = tree.get("host")
    if written is None or written is False:
        return written
    found = (
        addresses(tree, "host", problems) if isinstance(written, list) else (address(tree, "host", problems),)
    )
    kept = tuple(each for each in found if each is not None)
    if len({each.version for each in kept}) < len(kept):
        problems.at(tree, "host", "one address of each IP version is enough", "write [v4, v6]")
        return None
    return kept or None


def _gateway(tree: Map) -> Any:
    written = tree.get("gateway")
    if written is None or written is False:
        return written
    for family in (IPv4Address, IPv6Address):
        try:
            return family(written)
        except ValueError:
            continue
    return str(written)


def _dhcp(tree: Map, problems: Problems) -> Dhcp:
    written = tree.get("dhcp")
    if not isinstance(written, Map):
        return Dhcp(written)
    limits = None
    if "range" in written and PLACEHOLDER not in written["range"]:
        try:
            first, last = (IPv4Address(part.strip()) for part in written["range"].split("-"))
        except ValueError:
            problems.at(written, "range", f"{written['range']} is no range of addresses")
        else:
            limits = (first, last)
            if last < first:
                problems.at(written, "range", f"the range ends before it begins: {first} is after {last}")
                limits = None
    boot = written.get("boot") or Map(written.mark)
    server = address(boot, "server", problems) if "server" in boot else None
    return Dhcp(True, limits, None if server is None else str(server), boot.get("file"))  # noqa: FBT003 - a field


def _combinations(net: Network, tree: Map, problems: Problems) -> None:
    """Report fields that contradict each other, with one problem for one cause."""
    if net.mode in ATTACHED:
        _attached(net, tree, problems)
    elif net.vlan is not None:
        problems.at_key(tree, "vlan", f"libvirt can't tag VLANs in mode {net.mode}", "mode: bridge can")
    if net.mode in {"isolated", "open"} and net.dev:
        problems.at_key(
            tree, "dev", f"mode {net.mode} has no device to leave through", "leave it out, or use mode: nat"
        )
    no_ip = net.subnet is False and not net.ipv6
    no_host = net.host is False or no_ip
    why = "the network has no addresses" if no_ip else "the host has no address here"
    if no_host and net.mode in {"nat", "routed"}:
        problems.at(tree, "mode", f"mode {net.mode} can't forward: {why}", "leave it out, or mode: isolated")
    if no_host and (net.dns_forwarders or net.dns_hosts):
        problems.at_key(tree, "dns", f"there can be no DNS: {why}", "leave dns out")
    if no_host and net.dhcp.enabled:
        problems.at_key(tree, "dhcp", f"there can be no DHCP: {why}", "leave dhcp out")
    if no_host and net.routes:
        problems.at_key(tree, "routes", f"there can be no routes of the host: {why}", "put them on the NIC")
    for key in ("range", "boot") if net.subnet is False and not no_host else ():
        if isinstance(tree.get("dhcp"), Map) and key in tree["dhcp"]:
            problems.at(tree["dhcp"], key, "there is no IPv4 here to give out")


def _attached(net: Network, tree: Map, problems: Problems) -> None:
    needed, other = ("bridge", "dev") if net.mode == "bridge" else ("dev", "bridge")
    if needed not in tree:
        what = "the host's bridge" if needed == "bridge" else "the host's device"
        problems.at_key(tree, "mode", f"mode {net.mode} needs {needed}", f"name {what}")
    if other in tree:
        problems.at_key(
            tree, other, f"{other} can't be set in mode {net.mode}", f"{needed} names what it attaches to"
        )
    if net.vlan is not None and net.mode == "macvtap":
        problems.at_key(tree, "vlan", "libvirt can't tag VLANs in mode macvtap", "mode: bridge can")
    if net.bandwidth and net.mode == "macvtap":
        problems.at_key(tree, "bandwidth", "libvirt can't limit a macvtap network", "limit its NICs")
    for key in _OWN:
        if key in tree and tree[key] not in (False, []):
            problems.at_key(
                tree, key, f"{key} can't be set in mode {net.mode}", "the network is not labctl's own"
            )
