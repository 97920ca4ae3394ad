"""The routes of this host, from /proc; addresses show there as the routes to their own subnets."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

_UP = 0x1
_LINKS = Path("/sys/class/net")


def link(name: str) -> bool:
    """Whether this host has a network interface of that name."""
    return (_LINKS / name).exists()


def routes() -> list[tuple[IPv4Network | IPv6Network, str]]:
    """Every route but default ones and those to single hosts, with its interface. Empty where /proc has none."""
    return [*_ipv4(), *_ipv6()]


def _ipv4() -> list[tuple[IPv4Network | IPv6Network, str]]:
    found: list[tuple[IPv4Network | IPv6Network, str]] = []
    for words in _rows(Path("/proc/net/route")):
        if len(words) > 7 and words[0] != "Iface" and int(words[3], 16) & _UP:
            address, mask = (int.from_bytes(bytes.fromhex(words[n])[::-1]) for n in (1, 7))
            prefix = mask.bit_count()
            if 0 < prefix < 32:
                found.append((IPv4Network((address & mask, prefix)), words[0]))
    return found


def _ipv6() -> list[tuple[IPv4Network | IPv6Network, str]]:
    found: list[tuple[IPv4Network | IPv6Network, str]] = []
    for words in _rows(Path("/proc/net/ipv6_route")):
        prefix = int(words[1], 16)
        network = IPv6Network((int(words[0], 16), prefix), strict=False)
        if 0 < prefix < 128 and not network.is_link_local and not network.is_multicast:
            found.append((network, words[9]))
    return found


def _rows(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []
