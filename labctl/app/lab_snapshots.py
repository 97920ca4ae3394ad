"""The part of the library's face that is about snapshots: `Lab.snapshots`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from labctl.app.change import Confirm
    from labctl.app.lab import UseCase
    from labctl.app.session import Session
    from labctl.core.events import Finished, Sink
    from labctl.core.redaction import Redactor
    from labctl.kinds.snapshot.overview import Shown, SnapshotList

    Run = Callable[[UseCase, Session, Iterable[str], Confirm | None], Finished]


class Snapshots:
    """The snapshots of a lab, each of all its VMs. Arguments, results and errors are as of `Lab.up`."""

    def __init__(self, session: Callable[..., Session], redactor: Redactor, run: Run) -> None:
        """The lab gives what a call starts from, what masks its secrets, and what runs a change."""
        self._session, self._redactor, self._run = session, redactor, run

    def list(self) -> SnapshotList:
        """All of them, and where the lab stands now."""
        from labctl.app import snapshots

        with self._redactor.in_errors():
            return self._redactor.in_value(snapshots.listed(self._session(labfile_optional=True)))

    def show(self, name: str) -> Shown:
        """One of them, among the others.

        Raises:
            UsageError: there is no such snapshot.
        """
        from labctl.app import snapshots

        return snapshots.shown(self.list(), name)

    def save(self, name: str = "", *, message: str = "", confirm: Confirm | None = None) -> Finished:
        """Take one; without a name it is the next free one of s1, s2, …"""
        from labctl.app import snapshots

        return self._change(partial(snapshots.save, name=name, message=message), confirm)

    def restore(self, name: str, *, confirm: Confirm | None = None) -> Finished:
        """Bring the lab back to one. What was done since is lost."""
        from labctl.app import snapshots

        return self._change(partial(snapshots.restore, name=name), confirm)

    def delete(self, names: Iterable[str], *, confirm: Confirm | None = None) -> Finished:
        """Delete some of them. The VMs go on meanwhile."""
        from labctl.app import snapshots

        return self._change(partial(snapshots.delete, names=tuple(names)), confirm)

    def prune(self, keep: int = 1, *, confirm: Confirm | None = None) -> Finished:
        """Delete all but the newest `keep`."""
        from labctl.app import snapshots

        return self._change(partial(snapshots.prune, keep=keep), confirm)

    def _change(
        self, use_case: Callable[[Session, Sink, Confirm], Finished], confirm: Confirm | None
    ) -> Finished:
        def of_all_vms(session: Session, _vms: Iterable[str], sink: Sink, agreed: Confirm) -> Finished:
            return use_case(session, sink, agreed)

        return self._run(of_all_vms, self._session(labfile_optional=True), (), confirm)
