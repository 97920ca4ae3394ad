"""Types for the standard library's IP addresses of either version, and functions on several of them."""

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
IpInterface = IPv4Interface | IPv6Interface  # an address with its network's prefix length
IpNetwork = IPv4Network | IPv6Network


def parse_addresses(texts: Iterable[str]) -> tuple[IpAddress, ...]:
    """Parse texts as IP addresses; texts that are none are left out.

    So are addresses with a zone, as in `fe80::1%eth0`: what stands behind the `%` may be any text.
    """
    found = []
    for text in texts:
        with suppress(ValueError):
            if "%" not in text:
                found.append(ip_address(text))
    return tuple(found)


def reachable(address: IpAddress) -> bool:
    """Whether it can be the address of a machine for others: not loopback, multicast, link-local or reserved."""
    return not (
        address.is_loopback
        or address.is_unspecified
        or address.is_multicast
        or address.is_link_local
        or address.is_reserved
    )


def by_family(addresses: Iterable[IpAddress]) -> tuple[IpAddress, ...]:
    """The first IPv4 address, and the first IPv6 address."""
    firsts: dict[int, IpAddress] = {}
    for address in addresses:
        firsts.setdefault(address.version, address)
    return tuple(firsts[version] for version in sorted(firsts))
