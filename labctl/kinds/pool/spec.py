"""A lab's own directory pool, `labctl-<lab>`: volumes have no metadata, so their pool says to which lab they belong."""

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
    """The spec of a pool. `path` is its folder on the libvirt host, which is not compared: an existing pool keeps it.

    `own` are the names of volumes of labctl that are no disks: seeds, and logs of consoles. `unfinished` are volumes
    that a run did not copy back to their end, as it restored a snapshot or began with a warm state.
    """

    kind: ClassVar[str] = "pool"
    rank: ClassVar[int] = 1
    holds_others: ClassVar[bool] = True

    lab: str
    path: str
    active: bool = owned(Effect.LIVE, default=True, condition="not started")
    undefined: str = owned(Effect.LIVE, default="", condition="not defined any more")
    unfinished: tuple[str, ...] = owned(Effect.LIVE, default=(), condition="not copied back to the end")
    own: tuple[str, ...] = ()

    @property
    def address(self) -> Address:
        return addresses.pool(self.lab)

    @property
    def libvirt_name(self) -> str:
        return identity.pool_name(self.lab)

    def brief(self) -> tuple[BriefPart, ...]:
        return (BriefPart(self.path),)
