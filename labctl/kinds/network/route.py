"""A static route of the host, through a gateway on a network: https://libvirt.org/formatnetwork.html#static-routes."""

from __future__ import annotations

from ipaddress import ip_network

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Property, Read
from labctl.kinds.network.ip import with_prefix


@record
class Route:
    """A route to the network `address`/`prefix` through `gateway`."""

    family: str
    address: str
    gateway: str
    prefix: str = ""
    netmask: str = ""  # in networks that others wrote, instead of a prefix

    def __str__(self) -> str:
        """The route in the form of a spec: `10.2.0.0/16 via 10.0.0.9`."""
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
    """Read a route in the form of a spec."""
    to, _, via = text.partition(" via ")
    network = ip_network(to)
    return Route(f"ipv{network.version}", str(network.network_address), via, str(network.prefixlen))
