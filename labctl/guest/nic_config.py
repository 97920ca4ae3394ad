"""The configuration of a NIC inside its guest, as a record and as lines of text.

The lines are for the guest's script (templates/guest/labctl-guest.sh documents them): seeds contain them, and labctl
sends them over the guest's port. The domain's metadata (`kinds.vm.metadata`) keeps them, and plans show them.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING, Literal

from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.core.ip import IpAddress, IpInterface, IpNetwork

DEFAULT: Literal["default"] = "default"


@record
class Route:
    """A route of a guest, with netplan's names: packets for the network `to` go to the address `via`."""

    to: IpNetwork | Literal["default"]
    via: IpAddress

    def __str__(self) -> str:
        return f"{self.to} {self.via}"


@record
class NicConfig:
    """The configuration of a NIC inside its guest, with netplan's names.

    `mtu` is in bytes, and 0 where the guest's own stays. `dhcp4` is True where another DHCP server than labctl's
    network gives the address. The guest does not touch a NIC with an empty configuration.
    """

    mtu: int = 0
    addresses: tuple[IpInterface, ...] = ()
    dhcp4: bool = False
    routes: tuple[Route, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        return (
            *([f"mtu {self.mtu}"] if self.mtu else []),
            *(f"address {each}" for each in self.addresses),
            *(["dhcp"] if self.dhcp4 else []),
            *(f"route {each}" for each in self.routes),
        )

    @classmethod
    def parse(cls, lines: Iterable[str]) -> NicConfig:
        """Parse the lines. Unknown lines are left out: the next plan then shows that the configuration differs."""
        mtu, dhcp4 = 0, False
        addresses: list[IpInterface] = []
        routes: list[Route] = []
        for line in lines:
            with suppress(ValueError):
                match line.split():
                    case ["mtu", size]:
                        mtu = int(size)
                    case ["address", address]:
                        addresses.append(ip_interface(address))
                    case ["dhcp"]:
                        dhcp4 = True
                    case ["route", to, via]:
                        network = DEFAULT if to == DEFAULT else ip_network(to)
                        routes.append(Route(network, ip_address(via)))
        return cls(mtu, tuple(addresses), dhcp4, tuple(routes))

    def __bool__(self) -> bool:
        return bool(self.lines)

    def __str__(self) -> str:
        return ", ".join(self.lines)

    def __repr__(self) -> str:
        """Give the lines: fingerprints of specs contain them, and have to stay the same for labs made earlier."""
        return repr(self.lines)
