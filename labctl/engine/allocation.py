"""The values of an allocation: the addresses of networks and NICs, and the subnets that are in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.errors import Problem
from labctl.core.record import field, record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    from labctl.core.ip import IpAddress, IpNetwork
    from labctl.labfile.model import LabModel, Network, Nic, Vm


@record
class Occupied:
    """A subnet that is in use, and its owner in words for messages: `route of eth0`, `network default`."""

    subnet: IpNetwork
    owner: str


class OccupiedSubnets:
    """The subnets that are in use. Each network of a lab is compared with all of them, so they are kept as numbers."""

    def __init__(self, occupied: Iterable[Occupied] = ()) -> None:
        self._spans: list[tuple[int, int, int, Occupied]] = []
        for each in occupied:
            self.add(each)

    def add(self, each: Occupied) -> None:
        self._spans.append((*_span(each.subnet), each))

    def clash(self, subnet: IpNetwork, *, but: str = "") -> Occupied | None:
        """A subnet that overlaps this one and has another owner than `but`; None where there is none."""
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
        """Whether one of them contains all of this subnet."""
        version, first, last = _span(subnet)
        wider = [span for span in self._spans if span[1] <= first and last <= span[2] and span[0] == version]
        return bool(wider)


def _span(subnet: IpNetwork) -> tuple[int, int, int]:
    return subnet.version, int(subnet.network_address), int(subnet.broadcast_address)


@record
class NetworkAddresses:
    """The addresses of a network. None means that there is none of this kind."""

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
    """The MAC and the addresses of a NIC. `seen` are those that its guest reported, where labctl does not give them."""

    mac: str
    ip: IPv4Address | None = None
    ip6: IPv6Address | None = None
    seen: tuple[IpAddress, ...] = ()

    @property
    def given(self) -> tuple[IpAddress, ...]:
        """The addresses that labctl gives."""
        return tuple(each for each in (self.ip, self.ip6) if each)


@record(frozen=False)
class Allocation:
    """The addresses of all networks and NICs. `problems` are collisions with the host's routes and networks."""

    networks: dict[str, NetworkAddresses] = field(default_factory=dict)
    nics: dict[tuple[str, str], NicAddresses] = field(default_factory=dict)  # by (VM, NIC)
    problems: list[Problem] = field(default_factory=list)

    def values(self) -> dict[str, str]:
        """The values of references, by names such as `vms.db.back.ip` and `networks.back.subnet`."""
        values: dict[str, str] = {}
        facts: dict[str, object]
        for name, each in self.networks.items():
            facts = {"subnet": each.subnet4 or each.subnet6, "host": each.host4 or each.host6}
            facts["gateway"] = next(iter(each.gateways), None)
            values |= {f"networks.{name}.{key}": str(value) for key, value in facts.items() if value}
        for (vm, nic), nic_addresses in self.nics.items():
            facts = {"ip": nic_addresses.ip, "ip6": nic_addresses.ip6, "mac": nic_addresses.mac}
            values |= {f"vms.{vm}.{nic}.{key}": str(value) for key, value in facts.items() if value}
        return values


def reached(vm: Vm, allocation: Allocation) -> Iterator[tuple[Nic, IpAddress]]:
    """The addresses of a VM that the host reaches over the lab's own networks, each with its NIC, in their order.

    Labctl gave them, and the host has an address of that version on the network. The link of a NIC may be down.
    """
    for nic in vm.nics:
        given, network = allocation.nics.get((vm.name, nic.name)), allocation.networks.get(nic.network)
        if given and network:
            pairs = ((given.ip, network.host4), (given.ip6, network.host6))
            yield from ((nic, ip) for ip, host in pairs if ip and host)


def allocates(network: Network) -> bool:
    """Whether labctl gives the addresses on a network."""
    return network.external is None and network.mode not in ("bridge", "macvtap")


def problem(lab: LabModel, network: Network, key: str, summary: str, hint: str) -> Problem:
    return Problem(summary, f"networks.{network.name}.{key}", lab.where("networks", network.name, key), hint)
