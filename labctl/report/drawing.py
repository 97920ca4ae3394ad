"""What a drawing of a lab shows: its networks and VMs, with addresses and live state."""

from __future__ import annotations

from enum import StrEnum

from labctl.core.lifecycle import State
from labctl.core.record import record

ABSENT = "absent"


class Format(StrEnum):
    """The format of a drawing."""

    TEXT = "text"
    SVG = "svg"
    PNG = "png"
    DOT = "dot"
    MERMAID = "mermaid"


@record
class Port:
    """A NIC of a VM. `network` is the Labfile's name of its network, or libvirt's of one outside the lab."""

    network: str
    addresses: tuple[str, ...] = ()
    down: bool = False


@record
class Box:
    """A VM. `ready` is None where nobody can know."""

    name: str
    state: str
    ready: bool | None
    ports: tuple[Port, ...] = ()

    @property
    def words(self) -> str:
        """Its state in words."""
        if self.state != State.RUNNING or self.ready is None:
            return self.state
        return "ready" if self.ready else "running, not ready"


@record
class Wire:
    """A network: up, down or absent. `facts` are its mode and subnets; `own` says whether it is the lab's."""

    name: str
    state: str
    facts: tuple[str, ...] = ()
    own: bool = True


@record
class Drawing:
    """A lab. Each port's network is among the wires."""

    lab: str
    wires: tuple[Wire, ...]
    boxes: tuple[Box, ...]
    notes: tuple[str, ...] = ()

    def on(self, wire: Wire) -> list[tuple[Box, Port]]:
        """The VMs on a network, with the NICs by which they are."""
        return [(box, port) for box in self.boxes for port in box.ports if port.network == wire.name]
