"""Reads the Labfile's notations for sizes, durations, rates, addresses and routes."""

from __future__ import annotations

from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from labctl.core.duration import parse_duration
from labctl.core.size import parse_size, rounded_up
from labctl.labfile.model import Bandwidth, Route
from labctl.labfile.placeholders import PLACEHOLDER, as_written, has_instance_placeholder, with_sample_values
from labctl.labfile.yaml_tree import Map, Seq, entries

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.labfile.problems import Problems

__all__ = [
    "address",
    "addresses",
    "bandwidth",
    "duration",
    "mac",
    "network",
    "rate",
    "routes",
    "whole_size",
]

_MULTICAST_BIT = 1
_LONGEST = 366 * 24 * 3600.0
_FASTEST = (1 << 32) - 1  # libvirt's schema says unsignedInt
_MOST = (1 << 63) - 1


def whole_size(holder: Map, key: str, unit: str, problems: Problems) -> int:
    """Read the size at `key` in bytes, rounded up to whole units. A size of 0 or beyond libvirt's limit is reported.

    libvirt would round the size, too. With the rounded size in the spec, a plan right after `up` is empty.
    """
    step, exact = parse_size(f"1{unit}"), parse_size(holder[key])
    found = rounded_up(exact, step)
    if not found or found > _MOST:
        problems.at(
            holder, key, "this can't be 0" if not found else f"{holder[key]} is more than libvirt can count"
        )
    elif found != exact:
        _round(holder, key, f"{found // step}{unit}", problems)
    return found


def _round(holder: Map, key: str, result: str, problems: Problems) -> None:
    unit = result.lstrip("0123456789")
    problems.at(holder, key, f"{holder[key]} is rounded up to {result}, whole {unit}", severity="note")


def duration(holder: Map, key: str, problems: Problems) -> float:
    """Read the duration at `key` in seconds. 0 and more than a year are reported."""
    found = parse_duration(holder[key])
    if not 0 < found <= _LONGEST:
        problems.at(holder, key, f"{holder[key]} is more than a year" if found else "this can't be 0")
    return found


def rate(holder: Map, key: str, problems: Problems) -> int:
    """Read the rate at `key` in KiB/s, rounded up. 0 and rates beyond libvirt's limit are reported."""
    exact = parse_size(holder[key].removesuffix("/s"))
    found = rounded_up(exact, 1 << 10) >> 10
    if not found or found > _FASTEST:
        problems.at(
            holder, key, f"{holder[key]} is more than libvirt can count" if found else "this can't be 0"
        )
    elif found << 10 != exact:
        _round(holder, key, f"{found}KiB/s", problems)
    return found


def bandwidth(tree: Map | None, problems: Problems) -> Bandwidth | None:
    """Read `{inbound, outbound}`."""
    if not tree:
        return None
    rates = {key: rate(tree, key, problems) for key in ("inbound", "outbound") if key in tree}
    return Bandwidth(rates.get("inbound"), rates.get("outbound"))


def address(holder: Map | Seq, key: Any, problems: Problems) -> Any:
    """Read the IP address at `key`. It is None where it is not known yet, and where it is wrong, which is reported."""
    if PLACEHOLDER in holder[key]:
        _check_samples(ip_address, "IP address", holder, key, problems)
        return None
    try:
        found = ip_address(holder[key])
    except ValueError:
        problems.at(holder, key, f"{holder[key]} is no IP address")
        return None
    if isinstance(found, IPv6Address) and found.scope_id:
        problems.at(
            holder, key, "an address of the lab can't have a zone", f"write {str(found).partition('%')[0]}"
        )
        return None
    return found


def _check_samples(
    read: Callable[[str], object], what: str, holder: Map | Seq, key: Any, problems: Problems
) -> None:
    """Report a text that can't become an address or subnet whatever its references are, as one with a MAC."""

    def fits(text: str) -> bool:
        try:
            read(text)
        except ValueError:
            return False
        return True

    text = holder[key]
    if not (has_instance_placeholder(text) or any(map(fits, with_sample_values(text)))):
        problems.at(holder, key, f"{as_written(text)} is no {what}")


def addresses(holder: Map, key: str, problems: Problems) -> tuple[Any, ...]:
    """Read a list of addresses."""
    found = (address(holder[key], index, problems) for index in range(len(holder.get(key, ()))))
    return tuple(each for each in found if each is not None)


def network(holder: Map | Seq, key: Any, problems: Problems) -> Any:
    """Read the subnet at `key`. It is None where it is not known yet, and where it is wrong, which is reported."""
    text = holder[key]
    if PLACEHOLDER in text:
        _check_samples(partial(ip_network, strict=False), "subnet", holder, key, problems)
        return None
    try:
        found: IPv4Network | IPv6Network = ip_network(text, strict=False)
    except ValueError:
        problems.at(holder, key, f"{text} is no subnet")
        return None
    address_in_it: IPv4Address | IPv6Address = ip_address(text.partition("/")[0])
    if address_in_it != found.network_address:
        problems.at(holder, key, f"{text} is an address within the subnet {found}", f"write {found}")
        return None
    return found


def routes(tree: Map, problems: Problems) -> tuple[Route, ...]:
    """Read `routes: [{to, via}]`."""
    found = []
    for _, entry in entries(tree.get("routes") or Seq(tree.mark)):
        to, via = network(entry, "to", problems), address(entry, "via", problems)
        if to is None or via is None:
            continue
        if to.version != via.version:
            problems.at(entry, "via", f"{via} can't lead to {to}", "both must be of one IP version")
            continue
        found.append(Route(to, via))
    return tuple(found)


def mac(holder: Map, key: str, offset: int, problems: Problems) -> str | None:
    """Read the MAC address at `key`, add `offset`, and give it in lower case; None if it is unknown or wrong."""
    text: str = holder[key]
    if PLACEHOLDER in text:
        return None
    number = int(text.replace(":", ""), 16) + offset
    if number >> 40 & _MULTICAST_BIT or number >> 48:
        problems.at(
            holder, key, f"{text} is a multicast address", "the first byte must be even, as in 52:54:00:…"
        )
        return None
    if not number:
        problems.at(holder, key, "no card has this address")
        return None
    digits = f"{number:012x}"
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))
