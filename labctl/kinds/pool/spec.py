"""The lab's own directory pool, `labctl-<lab>`: volumes carry no metadata, so their pool says whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from labctl.core import identity
from labctl.core.record import record
from labctl.core.spec import BriefPart, Effect, Spec, owned
from labctl.kinds import addresses

if TYPE_CHECKING:
    from labctl.core.address import Address


@record
class PoolSpec(Spec):
    """`path` is the folder on the libvirt host; what exists keeps its own, so it is not compared.

    `own` are the names of volumes that may be in it besides disks: seeds, consoles' logs.
    """

    kind: ClassVar[str] = "pool"
    rank: ClassVar[int] = 1
    holds_others: ClassVar[bool] = True

    lab: str
    path: str
    active: bool = owned(Effect.LIVE, default=True, condition="not started")
    undefined: str = owned(Effect.LIVE, default="", condition="not defined any more")
    own: tuple[str, ...] = ()

    @property
    def address(self) -> Address:
        return addresses.pool(self.lab)

    @property
    def libvirt_name(self) -> str:
        return identity.pool_name(self.lab)

    def brief(self) -> tuple[BriefPart, ...]:
        return (BriefPart(self.path),)
