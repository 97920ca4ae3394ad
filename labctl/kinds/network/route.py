"""A route of the host into what is behind a network: https://libvirt.org/formatnetwork.html#static-routes."""

from __future__ import annotations

from ipaddress import ip_network

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Property, Read
from labctl.kinds.network.ip import with_prefix


@record
class Route:
    """`address` and `prefix` are the network that is behind `gateway`."""

    family: str
    address: str
    gateway: str
    prefix: str = ""
    netmask: str = ""  # what others may have written in place of a prefix

    def __str__(self) -> str:
        """As a spec has it: `10.2.0.0/16 via 10.0.0.9`."""
        return f"{with_prefix(self.address, self.prefix, self.netmask)} via {self.gateway}"


ROUTE = Declaration(
    "route",
    Route,
    Property("family", "@family"),
    Property("address", "@address"),
    Property("prefix", "@prefix"),
    Read("netmask", "@netmask"),
    Property("gateway", "@gateway"),
)


def of(text: str) -> Route:
    """Read a route of a spec."""
    to, _, via = text.partition(" via ")
    network = ip_network(to)
    return Route(f"ipv{network.version}", str(network.network_address), via, str(network.prefixlen))
