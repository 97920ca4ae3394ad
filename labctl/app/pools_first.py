"""What has a plan of its own, before all else: the rest can't be planned while a pool is stopped or half restored."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from labctl.app import stopped_pools, unfinished_copies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.session import Session
    from labctl.core.plan import Plan


def plans(session: Session, *, with_store: bool, finishing: bool = True) -> Iterator[tuple[Plan, str]]:
    """Give each such plan, and why it says no more; the next one is looked for once that was run.

    With `with_store`, a stopped image store is started too. Without `finishing`, copies stay as they are.

    Raises:
        LabctlError: libvirt does not answer.
    """
    answering = session.hosts.answering
    if starts := answering(partial(stopped_pools.starting, session, with_store=with_store)):
        yield starts, stopped_pools.told(starts)
    if finishing and (copies := answering(partial(unfinished_copies.finishing, session))):
        yield copies, unfinished_copies.told(copies)
