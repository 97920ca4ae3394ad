"""What a network's DHCP gives: https://libvirt.org/formatnetwork.html#addressing.

Each of these elements is also what virNetworkUpdate takes.
"""

from __future__ import annotations

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Property
from labctl.core.xmlforms import ADDRESS, LOWER
from labctl.kinds.network.spec import DhcpHost


@record
class DhcpRange:
    """The first and the last address for guests that nobody knows."""

    start: str
    end: str

    def __str__(self) -> str:
        return f"{self.start}-{self.end}"

    @classmethod
    def read(cls, text: str) -> DhcpRange:
        """Read the text of a spec, which is that of `str`."""
        start, _, end = text.partition("-")
        return cls(start, end)


DHCP_RANGE = Declaration("ip/dhcp/range", DhcpRange, Property("start", "@start"), Property("end", "@end"))
DHCP_HOST = Declaration(
    "ip/dhcp/host",
    DhcpHost,
    Property("mac", "@mac", LOWER),
    Property("vm", "@name"),
    Property("ip", "@ip", ADDRESS),
)
