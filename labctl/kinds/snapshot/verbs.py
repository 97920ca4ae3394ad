"""The verb of snapshots that other kinds don't have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from labctl.core.lifecycle import Stage
from labctl.core.verbs import Driver, Verb

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.kinds.snapshot.spec import SnapshotSpec


class Restores(Driver["SnapshotSpec"], Protocol):
    """The method of the driver of snapshots that the verb calls."""

    def restore(self, step: StepOf[SnapshotSpec], tell: Teller, /) -> None: ...


# it reaches `created` as an update does: what it needs, as the networks of its VMs, comes first
RESTORE: Verb[Restores] = Verb("restore", "restoring", lambda driver: driver.restore, reaches=Stage.CREATED)
