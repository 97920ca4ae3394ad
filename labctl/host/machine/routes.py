"""The routes and network interfaces of this host, read from /proc and /sys.

An address of the host appears among the routes as the route to its subnet.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

_UP = 0x1
_REJECT = 0x200  # RTF_REJECT, linux/ipv6_route.h
_NONE = "*"  # the interface of an IPv4 route that has none
_LINKS = Path("/sys/class/net")


def link(name: str) -> bool:
    """Whether this host has a network interface of that name."""
    return (_LINKS / name).exists()


def links() -> list[str]:
    """The names of this host's network interfaces."""
    return sorted(each.name for each in _LINKS.iterdir()) if _LINKS.exists() else []


def is_bridge(name: str) -> bool:
    return (_LINKS / name / "bridge").exists()


def routes(proc: Path = Path("/proc/net")) -> list[tuple[IPv4Network | IPv6Network, str]]:
    """Each route's network and interface, without default routes and routes to single addresses.

    A route that rejects packets (blackhole, unreachable, prohibit) has an empty interface.
    """
    return [*_ipv4(proc / "route"), *_ipv6(proc / "ipv6_route")]


def uplink(path: Path = Path("/proc/net/route")) -> str:
    """The interface of the default route; empty without one."""
    rows = [words for words in _rows(path) if len(words) > 7 and words[1] == words[7] == "0" * 8]
    return min(rows, key=lambda words: int(words[6]))[0] if rows else ""


def _ipv4(path: Path) -> list[tuple[IPv4Network | IPv6Network, str]]:
    found: list[tuple[IPv4Network | IPv6Network, str]] = []
    for words in _rows(path):
        if len(words) > 7 and words[0] != "Iface" and int(words[3], 16) & _UP:
            address, mask = (int.from_bytes(bytes.fromhex(words[n])[::-1]) for n in (1, 7))
            prefix = mask.bit_count()
            if 0 < prefix < 32:
                found.append((IPv4Network((address & mask, prefix)), "" if words[0] == _NONE else words[0]))
    return found


def _ipv6(path: Path) -> list[tuple[IPv4Network | IPv6Network, str]]:
    found: list[tuple[IPv4Network | IPv6Network, str]] = []
    for words in _rows(path):
        prefix = int(words[1], 16)
        network = IPv6Network((int(words[0], 16), prefix), strict=False)
        if 0 < prefix < 128 and not network.is_link_local and not network.is_multicast:
            found.append((network, "" if int(words[8], 16) & _REJECT else words[9]))
    return found


def _rows(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []
