"""A forward: a port of this host that leads to a port of a VM. A process of the host does it, `socat`."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, ClassVar

from labctl.core.endpoint import Endpoint
from labctl.core.lifecycle import Stage
from labctl.core.record import record
from labctl.core.spec import YES, BriefPart, Effect, Need, Spec, owned
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.core.address import Address

_LOOPBACK = ip_address("127.0.0.1")
_UDP = "/udp"


@record
class ForwardSpec(Spec):
    """The spec of a forward. `to` is the VM's address and port, as a text: empty where nothing tells it.

    `pid` is the first of its processes; others of the same session are its connections.
    """

    kind: ClassVar[str] = "forward"
    rank: ClassVar[int] = 11
    exclusive: ClassVar[bool] = True
    has_amounts: ClassVar[bool] = False

    lab: str
    vm: str
    listens: Endpoint
    protocol: str = "tcp"
    to: str = owned(Effect.LIVE, default="")
    alive: bool = owned(Effect.LIVE, default=True, condition="its forwarder is not running")
    unrecorded: str = owned(Effect.LIVE, default="", condition="its forwarder was left over")
    pid: int = 0

    @property
    def address(self) -> Address:
        return addresses.forward(f"{self.vm}/{self.key}")

    @property
    def key(self) -> str:
        """What it is called in the records of its VM: `8080`, `0.0.0.0:8080`, `[::1]:53/udp`."""
        here = str(self.listens.port if self.listens.ip == _LOOPBACK else self.listens)
        return here + _UDP * (self.protocol == "udp")

    @property
    def stated(self) -> tuple[str, ...]:
        return ("vms", self.vm, "forwards")

    @property
    def holder(self) -> Address:
        return addresses.vm(self.vm)

    def needs(self) -> tuple[Need, ...]:
        """A VM that is made anew has no record of its forwards, and one that is to be off does not start."""
        return (
            Need(self.holder, on_replace=Effect.LIVE, on_loss=Effect.LIVE),
            Need(self.holder, until=Stage.STARTED),
        )

    def brief(self) -> tuple[BriefPart, ...]:
        port = self.to.rpartition(":")[2]
        here = f"{self.listens}{_UDP * (self.protocol == 'udp')}"
        there = f"{self.vm}:{port}" if port else self.vm
        return (BriefPart("", f"{here} {there}", between=" → "),)


def parse(lab: str, vm: str, key: str) -> ForwardSpec:
    """The forward of a key.

    Raises:
        ValueError: it is none.
    """
    here, protocol = (key.removesuffix(_UDP), "udp") if key.endswith(_UDP) else (key, "tcp")
    listens = Endpoint.parse(f"{_LOOPBACK}:{here}" if here.isdecimal() else here)
    return ForwardSpec(lab, vm, listens, protocol)


def left_over(lab: str, name: str, to: str) -> ForwardSpec:
    """The forward of a process whose VM has no record of it; `name` is that of its address.

    Raises:
        ValueError: it is none.
    """
    vm, _, key = name.partition("/")
    found = parse(lab, vm, key)
    return ForwardSpec(lab, vm, found.listens, found.protocol, to, unrecorded=YES)


def record_of(to: str, pid: int, started: str, boot: str) -> dict[str, str]:
    """What the VM's metadata have of a forward beside its key."""
    return {"to": to, "pid": str(pid), "started": started, "boot": boot}


def process_of(recorded: Mapping[str, str]) -> tuple[int, str, str]:
    """The PID, the start and the boot of the recorded process."""
    pid = recorded.get("pid", "")
    return (
        int(pid) if pid.isascii() and pid.isdecimal() else 0,
        recorded.get("started", ""),
        recorded.get("boot", ""),
    )
