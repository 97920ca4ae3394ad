"""IP addresses are the standard library's: names for those of either version, and what is asked of several."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
)
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

IpAddress = IPv4Address | IPv6Address
IpInterface = IPv4Interface | IPv6Interface  # an address with the length of its network's prefix
IpNetwork = IPv4Network | IPv6Network


def read_addresses(texts: Iterable[str]) -> tuple[IpAddress, ...]:
    """The addresses that are written in these texts; a text that is no address is left out."""
    found = []
    for text in texts:
        with suppress(ValueError):
            found.append(ip_address(text))
    return tuple(found)


def by_family(addresses: Iterable[IpAddress]) -> tuple[IpAddress, ...]:
    """The first address of each family, IPv4 before IPv6."""
    firsts: dict[int, IpAddress] = {}
    for address in addresses:
        firsts.setdefault(address.version, address)
    return tuple(firsts[version] for version in sorted(firsts))
