"""An address and a port, as a program listens on them, and where that leads."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING

from labctl.core.record import record

if TYPE_CHECKING:
    from labctl.core.ip import IpAddress

_TEXT = re.compile(r"(?:\[([0-9a-fA-F:.]{2,45})\]|([0-9.]{7,15})):([0-9]{1,5})")
MOST = 65535


@record
class Endpoint:
    """An IP address with a port. `str()` gives `127.0.0.1:80` or `[::1]:80`, and `parse` reads that."""

    ip: IpAddress
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if self.ip.version == 6 else f"{self.ip}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Parse a text such as `127.0.0.1:80`.

        Raises:
            ValueError: it is no address with a port from 1 to 65535.
        """
        found = _TEXT.fullmatch(text)
        if not found or not 0 < int(found[3]) <= MOST:
            raise ValueError(f"no address with a port: {text!r}")
        return cls(ip_address(found[1] or found[2]), int(found[3]))


@record
class Forward:
    """A port of the host that leads to a port of the guest; a range in the Labfile gives one for each of its ports.

    `entry` is its index in the list.
    """

    listens: Endpoint
    guest: int
    protocol: str = "tcp"  # or udp
    entry: int = 0
