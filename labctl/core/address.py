"""The names of things: `vm/web-1`, `network/front`, `disk/web-1/data`, `seed/web-1`, `image/debian-12`."""

from __future__ import annotations

import re
from ipaddress import ip_address

from labctl.core.record import record

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


@record(order=True)
class Address:
    """A kind and a name within the lab; `str()` is the form that people and JSON see."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `vm/web-1` back.

        Raises:
            ValueError: there is no kind, or no name.
        """
        kind, slash, name = text.partition("/")
        if not (kind and slash and name):
            raise ValueError(f"not an address: {text!r}")
        return cls(kind, name)


def in_order(name: str) -> tuple[int, list[str | int]]:
    """A sort key that puts 10.0.0.2 before 10.0.0.10 and fd00::9 before fd00::10; other names come naturally."""
    length, number = numbered(name)
    return length, [number] if length else natural(name)


def numbered(text: str) -> tuple[int, int]:
    """The length in bits and the value of an IP address or a MAC; 0 and 0 of anything else."""
    if _MAC.fullmatch(text):
        return 48, int(text.replace(":", ""), 16)
    try:
        address = ip_address(text)
    except ValueError:
        return 0, 0
    return address.max_prefixlen, int(address)


def natural(name: str) -> list[str | int]:
    """A sort key that puts `web-2` before `web-10`; parts alternate so that they always compare."""
    parts: list[str | int] = [""]
    for char in name:
        if char.isdecimal() != isinstance(parts[-1], int):
            parts.append(0 if char.isdecimal() else "")
        last = parts[-1]
        parts[-1] = last * 10 + int(char) if isinstance(last, int) else last + char
    return parts
