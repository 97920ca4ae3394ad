"""Whether what a plan stores has room, before it is tried."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import Problem
from labctl.core.plan import Action
from labctl.core.size import size
from labctl.host import storage
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.image.spec import ImageSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.session import Session
    from labctl.core.plan import Plan

BLOCK = 512  # stat(2): the unit of st_blocks


def check(session: Session, plan: Plan) -> Iterator[Problem]:
    """An error where images don't fit; a warning where disks might not, which take space as they are written."""
    made = [step.after for step in plan.steps if step.action is Action.CREATE]
    images = sum(
        _taken(each.origin) for each in made if isinstance(each, ImageSpec) and each.source == "path"
    )
    disks = sum(each.size or 0 for each in made if isinstance(each, DiskSpec))
    if not images + disks or not session.connection.local:
        return  # nothing to store, or on a host whose disks we don't see
    folder = storage.pool_root(session.connection.virt)
    free = storage.free_space(folder)
    there = f"and {_rounded(free)} are free in {folder}"
    if images > free:
        yield Problem(
            f"the images to store take {_rounded(images)}, {there}",
            hint="free some space; `labctl list` shows the labs of this host",
        )
    elif images + disks > free:
        yield Problem(
            f"the new disks can grow to {_rounded(images + disks)}, {there}",
            hint="a VM is paused when nothing is left, which `labctl status` tells",
            severity="warning",
        )


def _taken(path: str) -> int:
    """What a file takes without its holes, which stay holes; nothing where it went, which is told when it is read."""
    try:
        stat = Path(path).stat()
    except OSError:
        return 0
    return min(stat.st_size, stat.st_blocks * BLOCK)


def _rounded(count: int) -> str:
    """As `size`, without the odd bytes."""
    step = 1 << 20 if count < 10 << 30 else 1 << 30
    return size(count // step * step)
