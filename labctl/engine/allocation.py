"""What an allocation is made of: where networks and NICs stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.errors import Problem
from labctl.core.record import field, record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    from labctl.core.ip import IpAddress, IpNetwork
    from labctl.labfile.model import LabModel, Network


@record
class Occupied:
    """A subnet that someone else has, and who: `route of eth0`, `network default`."""

    subnet: IpNetwork
    owner: str


class Taken:
    """Which addresses are spoken for, and by whom; asked for each network of a lab, so it compares numbers."""

    def __init__(self, occupied: Iterable[Occupied] = ()) -> None:
        self._spans: list[tuple[int, int, int, Occupied]] = []
        for each in occupied:
            self.add(each)

    def add(self, each: Occupied) -> None:
        self._spans.append((*_span(each.subnet), each))

    def clash(self, subnet: IpNetwork, *, but: str = "") -> Occupied | None:
        """What overlaps a subnet, of another owner than `but`."""
        version, first, last = _span(subnet)
        return next(
            (
                each
                for other, low, high, each in self._spans
                if low <= last and first <= high and other == version and each.owner != but
            ),
            None,
        )

    def covers(self, subnet: IpNetwork) -> bool:
        """Whether one of them has all of a subnet."""
        version, first, last = _span(subnet)
        wider = [span for span in self._spans if span[1] <= first and last <= span[2] and span[0] == version]
        return bool(wider)


def _span(subnet: IpNetwork) -> tuple[int, int, int]:
    return subnet.version, int(subnet.network_address), int(subnet.broadcast_address)


@record
class NetworkAddresses:
    """Where a network stands; None is "none"."""

    subnet4: IPv4Network | None = None
    subnet6: IPv6Network | None = None
    host4: IPv4Address | None = None
    host6: IPv6Address | None = None
    gateways: tuple[IpAddress, ...] = ()
    dhcp: bool = False

    @property
    def dns(self) -> bool:
        return bool(self.host4 or self.host6)


@record
class NicAddresses:
    """`seen` is what its guest reported, where somebody else gives it addresses."""

    mac: str
    ip: IPv4Address | None = None
    ip6: IPv6Address | None = None
    seen: tuple[IpAddress, ...] = ()

    @property
    def given(self) -> tuple[IpAddress, ...]:
        """Those that labctl gives it."""
        return tuple(each for each in (self.ip, self.ip6) if each)


@record(frozen=False)
class Allocation:
    """`nics` is keyed by (VM, NIC). `problems` are collisions that only a look at the host shows."""

    networks: dict[str, NetworkAddresses] = field(default_factory=dict)
    nics: dict[tuple[str, str], NicAddresses] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def values(self) -> dict[str, str]:
        """What `${vms.db.back.ip}` and `${networks.back.subnet}` stand for."""
        values: dict[str, str] = {}
        facts: dict[str, object]
        for name, place in self.networks.items():
            facts = {"subnet": place.subnet4 or place.subnet6, "host": place.host4 or place.host6}
            facts["gateway"] = next(iter(place.gateways), None)
            values |= {f"networks.{name}.{key}": str(value) for key, value in facts.items() if value}
        for (vm, nic), nic_addresses in self.nics.items():
            facts = {"ip": nic_addresses.ip, "ip6": nic_addresses.ip6, "mac": nic_addresses.mac}
            values |= {f"vms.{vm}.{nic}.{key}": str(value) for key, value in facts.items() if value}
        return values


def allocates(network: Network) -> bool:
    """Whether labctl is the one that gives addresses on it."""
    return network.external is None and network.mode not in ("bridge", "macvtap")


def problem(lab: LabModel, network: Network, key: str, summary: str, hint: str) -> Problem:
    return Problem(summary, f"networks.{network.name}.{key}", lab.where("networks", network.name, key), hint)
