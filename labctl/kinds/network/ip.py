"""The host's address on a network, with the DHCP there: https://libvirt.org/formatnetwork.html#addressing."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import TYPE_CHECKING

from labctl.core.record import record
from labctl.core.xmlfields import Children, Declaration, Property, Read
from labctl.kinds.network.dhcp import DHCP_HOST, DHCP_RANGE, DhcpRange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.kinds.network.spec import DhcpHost, NetworkSpec


@record
class Ip:
    """An `<ip>` element; a network has one for each family. `file` and `server` are for guests that boot by PXE."""

    family: str
    address: str
    prefix: str = ""
    netmask: str = ""  # in networks that others wrote, instead of a prefix
    ranges: tuple[DhcpRange, ...] = ()
    hosts: tuple[DhcpHost, ...] = ()
    file: str = ""
    server: str = ""

    @property
    def v6(self) -> bool:
        return self.family == "ipv6"

    def __str__(self) -> str:
        """The address with its prefix length."""
        return with_prefix(self.address, self.prefix, self.netmask)


IP = Declaration(
    "ip",
    Ip,
    Property("family", "@family"),
    Property("address", "@address"),
    Property("prefix", "@prefix"),
    Read("netmask", "@netmask"),
    Children("ranges", "dhcp/range", DHCP_RANGE),
    Children("hosts", "dhcp/host", DHCP_HOST),
    Property("file", "dhcp/bootp/@file"),
    Property("server", "dhcp/bootp/@server", when=lambda ip: ip.file),
)


def with_prefix(address: str, prefix: str, netmask: str) -> str:
    """The address with its prefix length, as `10.0.0.1/24`; without prefix and netmask as a single address."""
    return str(ip_interface(f"{address}/{netmask or prefix}" if netmask or prefix else address))


def of(spec: NetworkSpec) -> Iterator[Ip]:
    """The `<ip>` elements of a network."""
    for text, family in ((spec.host4, "ipv4"), (spec.host6, "ipv6")):
        if text:
            host = ip_interface(text)
            v4 = host.version == 4
            yield Ip(
                family,
                str(host.ip),
                str(host.network.prefixlen),
                ranges=(DhcpRange.read(spec.dhcp_range),) if v4 and spec.dhcp_range else (),
                hosts=tuple(each for each in spec.dhcp_hosts if each.ip.version == host.version),
                file=spec.boot_file if v4 else "",
                server=spec.boot_server if v4 else "",
            )
