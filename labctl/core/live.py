"""The live events of a lab: what libvirt says of its VMs and networks when it happens, whoever did it."""

from __future__ import annotations

from labctl.core.events import Event
from labctl.core.record import record


@record
class LiveEvent(Event):
    """Something happened to a VM or network of the lab, or to the connection.

    `address` is as in plans, `vm/web`; empty of the connection. `what` is a word for programs, as `stopped`, and
    `why` says more in words for people, or nothing. `time` is ISO 8601, by this machine's clock.
    """

    time: str
    address: str
    what: str
    why: str = ""

    def __str__(self) -> str:
        words = self.what.replace("-", " ")
        return f"{self.address or 'libvirt'}: {words}" + (f", {self.why}" if self.why else "")
