"""Whether what a plan stores has room, before it is tried."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import FOREIGN, Problem
from labctl.core.size import size
from labctl.host.libvirt import pools
from labctl.kinds.image.spec import POOL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.session import Session
    from labctl.core.plan import Plan

BLOCK = 512  # stat(2): the unit of st_blocks


def check(session: Session, plan: Plan) -> Iterator[Problem]:
    """Tell that images don't fit; warn where disks might not, which take space as they are written."""
    wanted = [(step.after, step.before) for step in plan.steps if step.after]
    images = sum(_taken(after.local_file) for after, _ in wanted if after.local_file)
    disks = sum(after.disk_growth(before) for after, before in wanted)
    if not images + disks or not session.host.local:
        return  # nothing to store, or on a host whose disks we don't see
    folder = session.host.pool_root / POOL
    free = pools.free_space(folder)
    there = f"and {_rounded(free)} are free in {folder}"
    if images > free:
        yield Problem(
            f"the images to store take {_rounded(images)}, {there}",
            hint="free some space: `labctl image prune` removes the images that nothing needs",
            severity=FOREIGN,
        )
    elif images + disks > free:
        yield Problem(
            f"the disks can grow by {_rounded(images + disks)}, {there}",
            hint="a VM is paused when nothing is left, which `labctl status` tells",
            severity="warning",
        )


def _taken(path: str) -> int:
    """What storing a file takes, without its holes, which stay holes; of what is to be downloaded nobody knows."""
    try:
        stat = Path(path).stat()
    except OSError:
        return 0  # it went: that is told when it is read
    return min(stat.st_size, stat.st_blocks * BLOCK)


def _rounded(count: int) -> str:
    """As `size`, without the odd bytes."""
    step = 1 << 20 if count < 10 << 30 else 1 << 30
    return size(count // step * step)
