"""What `labctl snapshot list` and `show` tell. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.kinds.snapshot.spec import SnapshotSpec

FORMAT = 1


@record
class SnapshotList:
    """The snapshots of a lab, the oldest first; and the names of those that it stands on now, the nearest first."""

    lab: str
    snapshots: tuple[SnapshotSpec, ...]
    ancestors: tuple[str, ...]

    def parent(self, ancestors: Iterable[str]) -> str:
        """The nearest of the snapshots that something stands on which is still there; empty without one."""
        there = {each.name for each in self.snapshots}
        return next((name for name in ancestors if name in there), "")

    def to_json(self) -> dict[str, Any]:
        """The shape of `schemas/snapshots.schema.json`."""
        return self.json_of(self.snapshots)

    def json_of(self, snapshots: Iterable[SnapshotSpec]) -> dict[str, Any]:
        """The same, of these snapshots alone."""
        return {
            "format": FORMAT,
            "lab": self.lab,
            "current": self.parent(self.ancestors) or None,
            "snapshots": [self._json(each) for each in snapshots],
        }

    def _json(self, snapshot: SnapshotSpec) -> dict[str, Any]:
        return {
            "name": snapshot.name,
            "message": snapshot.message,
            "problem": snapshot.problem or None,
            "taken": snapshot.taken,
            "parent": self.parent(snapshot.ancestors) or None,
            "paused_s": snapshot.paused_s,
            "size_bytes": snapshot.size,
            "made_by": snapshot.made_by,
            "vms": [
                {"name": vm.name, "state": str(vm.state), "memory": bool(vm.memory)} for vm in snapshot.vms
            ],
            "networks": [each.name for each in snapshot.saved_networks],
        }


@record
class Shown:
    """One snapshot of a lab, among all of them."""

    among: SnapshotList
    snapshot: SnapshotSpec

    @property
    def parent(self) -> str:
        """The nearest of the snapshots that it stands on which is still there; empty without one."""
        return self.among.parent(self.snapshot.ancestors)

    def to_json(self) -> dict[str, Any]:
        """As of the list, with this snapshot alone."""
        return self.among.json_of((self.snapshot,))
