"""Runs provisioning steps alone, as `up` does beside all else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app import change, desired_state
from labctl.core.events import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.app.change import Confirm
    from labctl.app.prepare import Prepared
    from labctl.app.session import Session
    from labctl.core.events import Finished, Sink


def provision(  # noqa: PLR0913  # as `change.apply`
    session: Session,
    vms: Iterable[str],
    sink: Sink,
    confirm: Confirm,
    *,
    only: str = "",
    again: bool = False,
) -> Finished:
    """Run the provisioning steps of VMs that run; with `only` those of this name, with `again` also what is done."""

    def tell(_prepared: Prepared) -> None:
        if not again:
            sink(Diagnostic("note", "no step is left to run", "--again runs those that are done once more"))

    desired = desired_state.provision(vms, only, again=again)
    return change.apply(session, "provision", desired, sink, confirm, idle=tell)
