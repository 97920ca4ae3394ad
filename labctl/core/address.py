"""Addresses of a lab's objects: `vm/web-1`, `network/front`, `disk/web-1/data`, `seed/web-1`, `image/debian-12`."""

from __future__ import annotations

import re
from ipaddress import ip_address

from labctl.core.record import record

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


@record(order=True)
class Address:
    """A kind and a name within the lab. `str()` gives the form for people and JSON."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parse a text such as `vm/web-1`.

        Raises:
            ValueError: the kind or the name is missing.
        """
        kind, slash, name = text.partition("/")
        if not (kind and slash and name):
            raise ValueError(f"not an address: {text!r}")
        return cls(kind, name)


def address_sort_key(name: str) -> tuple[int, list[str | int]]:
    """A sort key for IP addresses and MACs by their value (10.0.0.2 before 10.0.0.10), and names in natural order."""
    length, number = address_value(name)
    return length, [number] if length else natural_sort_key(name)


def address_value(text: str) -> tuple[int, int]:
    """The length in bits and the value of an IP address or a MAC; two zeros for any other text."""
    if _MAC.fullmatch(text):
        return 48, int(text.replace(":", ""), 16)
    try:
        address = ip_address(text)
    except ValueError:
        return 0, 0
    return address.max_prefixlen, int(address)


def natural_sort_key(name: str) -> list[str | int]:
    """A sort key that puts `web-2` before `web-10`. Texts and numbers alternate, so that any two keys compare."""
    parts: list[str | int] = [""]
    for char in name:
        if char.isdecimal() != isinstance(parts[-1], int):
            parts.append(0 if char.isdecimal() else "")
        last = parts[-1]
        parts[-1] = last * 10 + int(char) if isinstance(last, int) else last + char
    return parts
