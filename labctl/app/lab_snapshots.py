"""The part of the library's face that is about snapshots: `Lab.snapshots`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.app.change import Confirm
    from labctl.app.lab import Lab, UseCase
    from labctl.core.events import Finished
    from labctl.kinds.snapshot.overview import Listed


class Snapshots:
    """The snapshots of a lab. Arguments, results and errors are as of `Lab.up`."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def list(self) -> Listed:
        """All of them, and where the lab stands now."""
        from labctl.app import snapshots

        return self._lab.masked(snapshots.listed(self._lab.session(labfile_optional=True)))

    def save(self, name: str = "", *, message: str = "", confirm: Confirm | None = None) -> Finished:
        """Take one; without a name it is the next free one of s1, s2, …"""
        from labctl.app import snapshots

        return self._run(partial(snapshots.save, name=name, message=message), confirm)

    def restore(self, name: str, *, confirm: Confirm | None = None) -> Finished:
        """Bring the lab back to one. What was done since is lost."""
        from labctl.app import snapshots

        return self._run(partial(snapshots.restore, name=name), confirm)

    def delete(self, names: Iterable[str], *, confirm: Confirm | None = None) -> Finished:
        from labctl.app import snapshots

        return self._run(partial(snapshots.delete, names=tuple(names)), confirm)

    def prune(self, keep: int = 1, *, confirm: Confirm | None = None) -> Finished:
        """Delete all but the newest `keep`."""
        from labctl.app import snapshots

        return self._run(partial(snapshots.prune, keep=keep), confirm)

    def _run(self, use_case: UseCase, confirm: Confirm | None) -> Finished:
        return self._lab.run(use_case, self._lab.session(labfile_optional=True), (), confirm)
