"""What `status` and `forward` show of the forwards to a VM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.record import record
from labctl.kinds.forward.kind import recorded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.core.endpoint import Endpoint
    from labctl.core.records import Records


@record
class ForwardOverview:
    """A forward: where this host listens, and where that leads. `alive` says whether its process runs."""

    listens: Endpoint
    to: str
    protocol: str
    alive: bool

    def to_json(self) -> dict[str, Any]:
        """Give a forward of `schemas/status.schema.json`."""
        return {
            "host": str(self.listens),
            "guest": self.to,
            "protocol": self.protocol,
            "alive": self.alive,
        }


def overview_of(lab: str, vm: str, records: Mapping[str, Records]) -> list[ForwardOverview]:
    """The forwards in a VM's records, in the order of their ports."""
    found = [
        ForwardOverview(each.listens, each.to, each.protocol, each.alive)
        for each in recorded(lab, vm, records)
    ]
    return sorted(found, key=lambda each: (each.protocol, int(each.listens.ip), each.listens.port))
