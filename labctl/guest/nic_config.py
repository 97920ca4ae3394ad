"""How a NIC is set up inside its guest, and the one text of it: the lines that the guest's script reads.

The lines stand in seeds and go over the guest's port (templates/guest/labctl-guest.sh says what they mean). They are
also in the domain's metadata (`kinds.vm.metadata`), and plans show them.
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
    """Where a guest sends what is for `to`; netplan's words."""

    to: IpNetwork | Literal["default"]
    via: IpAddress

    def __str__(self) -> str:
        return f"{self.to} {self.via}"


@record
class NicConfig:
    """A NIC inside its guest, in netplan's words. The guest leaves a NIC alone whose config is empty.

    `dhcp4` is True where somebody else than labctl gives it addresses.
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
    def read(cls, lines: Iterable[str]) -> NicConfig:
        """Read the lines back. What is no such line is left out: a plan then shows that the guest was not told it."""
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
        """That of its lines: a spec's fingerprint is made of it, and that of a lab made earlier stays true."""
        return repr(self.lines)
