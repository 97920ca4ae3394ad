"""The range and the reservations of a network's DHCP: https://libvirt.org/formatnetwork.html#addressing.

virNetworkUpdate takes each of these elements too.
"""

from __future__ import annotations

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Property
from labctl.core.xmlforms import ADDRESS, LOWER
from labctl.kinds.network.spec import DhcpHost


@record
class DhcpRange:
    """The first and the last address for guests without a reservation."""

    start: str
    end: str

    def __str__(self) -> str:
        return f"{self.start}-{self.end}"

    @classmethod
    def read(cls, text: str) -> DhcpRange:
        """Read a range in the form of a spec, `START-END`."""
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
