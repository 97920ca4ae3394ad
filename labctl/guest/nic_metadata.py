"""labctl's `<nic>` in a domain's metadata: what the guest was told of a NIC, and what it said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.ip import read_addresses
from labctl.core.record import record
from labctl.guest.nic_config import NicConfig

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from labctl.core.ip import IpAddress

_BETWEEN = "; "  # two lines of a NIC's config


@record
class NicMetadata:
    """`told` is the config that the guest was given, `seen` the addresses that it then reported."""

    told: NicConfig = NicConfig()
    seen: tuple[IpAddress, ...] = ()

    def attributes(self, name: str) -> dict[str, str]:
        """The attributes of the NIC's element."""
        seen = {"seen": " ".join(map(str, self.seen))} if self.seen else {}
        return {"name": name, "guest": _BETWEEN.join(self.told.lines), **seen}


def read_nics(own: Element) -> dict[str, NicMetadata]:
    """What labctl's metadata of a domain tells of its NICs, by their names."""
    return {
        each.get("name", ""): NicMetadata(
            NicConfig.read(each.get("guest", "").split(_BETWEEN)),
            read_addresses(each.get("seen", "").split()),
        )
        for each in own
    }
