"""A libvirt network of the lab (https://libvirt.org/formatnetwork.html)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from labctl.core.edits import Edit, describe_edit
from labctl.core.marked import Marked
from labctl.core.record import field, record, replace
from labctl.core.spec import BriefPart, Effect, Item, owned
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    from labctl.core.address import Address
    from labctl.core.ip import IpAddress
    from labctl.core.spec import Spec

LIVE, REPLACE = Effect.LIVE, Effect.REPLACE
OWN, NO_LIMIT = "libvirt's own", "no limit"
Mode = Literal["nat", "isolated", "routed", "open", "bridge", "macvtap"]


@record
class DhcpHost(Item):
    """A DHCP reservation. `mac` is empty for IPv6, which identifies hosts by name; `vm` is for a VM's second NIC."""

    ip: IpAddress
    vm: str = owned(LIVE)
    mac: str = owned(LIVE, default="")

    @property
    def key(self) -> str:
        return str(self.ip)

    def __str__(self) -> str:
        return f"{self.vm} {self.mac}".strip()


@record
class DnsHost(Item):
    """A DNS record: the names of one address."""

    ip: IpAddress
    names: tuple[str, ...] = owned(LIVE)

    @property
    def key(self) -> str:
        return str(self.ip)

    def __str__(self) -> str:
        return " ".join(self.names)


@record
class NetworkSpec(Marked):
    """The spec of a network.

    `host4` and `host6` are the host's addresses with their prefix lengths, empty if the host has none. `subnet4` and
    `subnet6` are in the metadata, since the XML of a network without a host address has no subnet. Rates are in KiB/s.
    `lab`, `file` and `applied` are in labctl's metadata, which mark the network as labctl's.
    """

    kind: ClassVar[str] = "network"
    rank: ClassVar[int] = 4
    libvirt_object: ClassVar[str] = "network"
    exclusive: ClassVar[bool] = True  # an old and a new network may share a subnet

    lab: str
    name: str
    mode: Mode = owned(REPLACE, default="nat")
    bridge: str = owned(REPLACE, default="", unset=OWN)
    dev: str = owned(REPLACE, default="", unset="any")
    subnet4: str = owned(REPLACE, default="")
    subnet6: str = owned(REPLACE, default="")
    host4: str = owned(REPLACE, default="")
    host6: str = owned(REPLACE, default="")
    dhcp_range: str = owned(LIVE, default="")  # "A-B"
    boot_server: str = owned(REPLACE, default="")
    boot_file: str = owned(REPLACE, default="")
    dhcp_hosts: tuple[DhcpHost, ...] = owned(LIVE, default=())
    dns: bool = owned(REPLACE, default=True)
    dns_hosts: tuple[DnsHost, ...] = owned(LIVE, default=())
    domain: str = owned(REPLACE, default="")
    forwarders: tuple[str, ...] = owned(REPLACE, default=(), unset="the host's")
    dnsmasq: tuple[str, ...] = owned(REPLACE, default=(), unset=OWN)  # its options beside those of libvirt
    routes: tuple[str, ...] = owned(REPLACE, default=())  # "10.2.0.0/16 via 10.0.0.9"
    mtu: int = owned(REPLACE, default=0, unset=OWN)
    vlan: int = owned(REPLACE, default=0, unset="none")
    inbound: int = owned(REPLACE, default=0, unit="KiB/s", unset=NO_LIMIT)
    outbound: int = owned(REPLACE, default=0, unit="KiB/s", unset=NO_LIMIT)
    isolated: bool = owned(REPLACE, default=False)  # the field `isolate_guests`
    file: str = owned(LIVE, default="", condition="made from another Labfile")  # the Labfile's path
    autostart: bool = owned(LIVE, default=False)
    # libvirt's name of the network, if somebody changed it
    renamed: str = owned(REPLACE, default="", condition="renamed outside labctl", unset="its own name")
    unmarked: str = owned(LIVE, default="", condition="labctl's mark on it was removed")
    undefined: str = owned(LIVE, default="", condition="not defined any more")
    unlinked: str = owned(REPLACE, default="", condition="its bridge is gone")
    unserved: str = owned(LIVE, default="", condition="its dnsmasq is gone")
    active: bool = owned(LIVE, default=True, condition="not started")
    xml: tuple[Edit, ...] = owned(REPLACE, default=(), each=describe_edit)
    applied: str = ""  # the fingerprint of the spec last applied
    # the guests' gateways, which only plans show: the NICs have them as routes
    gateways: tuple[str, ...] = field(default=(), repr=False, compare=False)
    unedited: NetworkSpec | None = (
        None  # the spec before the `xml:` edits, whose results the other fields have
    )

    @property
    def address(self) -> Address:
        return addresses.network(self.name)

    @property
    def stated(self) -> tuple[str, ...]:
        return ("networks", self.name)

    @property
    def networks(self) -> frozenset[str]:
        return frozenset((self.name,))

    def rendered(self) -> Element:
        from labctl.kinds.network.xml import render  # few networks have edits

        return render(replace(self, xml=()))

    def edited(self) -> NetworkSpec:
        from labctl.kinds.network.xml import effective  # few networks have edits

        return effective(self)

    @property
    def attached(self) -> bool:
        """Whether libvirt attaches guests to an interface or a bridge that the host has already."""
        return self.mode in ("bridge", "macvtap")

    def brief(self) -> tuple[BriefPart, ...]:
        from labctl.kinds.network.plan_summary import plan_summary  # only plans of new networks need it

        return plan_summary(self)

    @property
    def served(self) -> bool:
        """Whether libvirt runs dnsmasq for the network."""
        return bool(self.host4 or self.host6) and (self.dns or bool(self.dhcp_hosts or self.dhcp_range))

    def completed(self, wanted: NetworkSpec, defined: Mapping[Address, Spec]) -> NetworkSpec:
        """Take the values that only labctl's metadata had from the wanted spec, if someone removed the metadata."""
        del defined
        if not self.unmarked:
            return self
        lost = {name: getattr(wanted, name) for name in ("file", "xml", "subnet4", "subnet6")}
        alike = {self.mode, wanted.mode} == {
            "bridge",
            "macvtap",
        }  # their XML is the same but for the metadata
        return replace(self, mode=wanted.mode if alike else self.mode, **lost)
