"""What `status` and `list` show of a network, read from its XML, which does not say whether it is active."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import TYPE_CHECKING

from labctl.core.record import field, record
from labctl.kinds.network import xml

if TYPE_CHECKING:
    from labctl.core.ip import IpAddress
    from labctl.core.xmltree import Element
    from labctl.kinds.network.spec import NetworkSpec


@record(frozen=False)
class NetworkOverview:
    """A network. `host` has the host's addresses on it, `leases` the reserved address of each MAC.

    `mode` is libvirt's name of the mode. `served` says whether libvirt runs dnsmasq for the network; `problem` says
    what is wrong with the network.
    """

    name: str
    lab: str
    file: str
    mode: str
    subnets: tuple[str, ...]
    host: tuple[str, ...]
    leases: dict[str, IpAddress] = field(default_factory=dict)
    active: bool = False
    bridge: str = ""  # the bridge that libvirt made; empty without one
    served: bool = False
    problem: str = ""
    unmarked: bool = False  # whether someone removed labctl's metadata


def read_network(root: Element, unmarked: tuple[str, str] | None = None) -> NetworkOverview | None:
    """Read a network's XML; None if labctl did not make the network.

    `unmarked` are the lab and the name of a network that labctl made, but whose metadata someone may have removed.
    """
    spec = xml.read(root) or (xml.adopt(root, *unmarked) if unmarked else None)
    if spec is None:
        return None
    return of_spec(spec)


def of_spec(spec: NetworkSpec) -> NetworkOverview:
    """What its spec says of a network."""
    return NetworkOverview(
        name=spec.name,
        lab=spec.lab,
        file=spec.file,
        mode="route" if spec.mode == "routed" else spec.mode,
        subnets=tuple(filter(None, (spec.subnet4, spec.subnet6))),
        host=tuple(str(ip_interface(each).ip) for each in (spec.host4, spec.host6) if each),
        leases={host.mac: host.ip for host in spec.dhcp_hosts},
        bridge="" if spec.attached else spec.bridge,
        served=spec.served,
        unmarked=bool(spec.unmarked),
    )
