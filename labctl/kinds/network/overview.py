"""What people want to see of a network, as libvirt tells it; whether that is active stands elsewhere."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import TYPE_CHECKING

from labctl.core.record import field, record
from labctl.kinds.network import xml

if TYPE_CHECKING:
    from labctl.core.ip import IpAddress
    from labctl.core.xmltree import Element


@record(frozen=False)
class NetworkOverview:
    """A network; `host` holds the host's own addresses on it, `leases` what each MAC is given.

    `mode` is libvirt's word for it. `served` says whether libvirt runs dnsmasq for it, `problem` what someone did to
    it.
    """

    name: str
    lab: str
    file: str
    mode: str
    subnets: tuple[str, ...]
    host: tuple[str, ...]
    leases: dict[str, IpAddress] = field(default_factory=dict)
    active: bool = False
    bridge: str = ""  # where libvirt made one
    served: bool = False
    problem: str = ""
    unmarked: bool = False  # whether labctl's mark was removed


def read_network(root: Element, unmarked: tuple[str, str] | None = None) -> NetworkOverview | None:
    """Read a network; None of one that labctl did not make.

    `unmarked` are the lab and the name of one that is labctl's although nothing in it says so any more.
    """
    spec = xml.read(root) or (xml.adopt(root, *unmarked) if unmarked else None)
    if spec is None:
        return None
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
