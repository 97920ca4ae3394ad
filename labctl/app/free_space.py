"""Checks whether the host has room for the images, disks and snapshots of a plan."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.errors import FOREIGN, Problem
from labctl.core.plan import Action, steps_of
from labctl.core.size import format_size
from labctl.host.libvirt import pools
from labctl.kinds.image.spec import POOL
from labctl.kinds.snapshot.spec import SnapshotSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labctl.app.session import Session
    from labctl.core.plan import Plan, Step
    from labctl.core.spec import Spec
    from labctl.host.host import Host

BLOCK = 512  # stat(2): the unit of st_blocks


def check(session: Session, plan: Plan) -> Iterator[Problem]:
    """Give an obstacle if images or snapshots don't fit, and a warning if the disks, which grow, might not."""
    for host, steps in session.hosts.split(plan.steps):
        if host.local:
            yield from _check(host, [(step.after, step.before) for step in steps if step.after])
            yield from _snapshots(host, steps)


def _check(host: Host, wanted: Sequence[tuple[Spec, Spec | None]]) -> Iterator[Problem]:
    images = sum(_stored_size(after.local_file) for after, _ in wanted if after.local_file)
    disks = sum(after.disk_growth(before) for after, before in wanted)
    if not images + disks:
        return
    folder = host.pool_root / POOL
    free = pools.free_space(folder)
    available = f"and {_rounded(free)} are free in {folder}"
    if images > free:
        yield Problem(
            f"the images to store take {_rounded(images)}, {available}",
            hint="free some space: `labctl image prune` removes images that nothing needs",
            severity=FOREIGN,
        )
    elif images + disks > free:
        yield Problem(
            f"the disks can grow by {_rounded(images + disks)}, {available}",
            hint="a VM is paused if no space is left; `labctl status` shows that",
            severity="warning",
        )


def _snapshots(host: Host, steps: Sequence[Step]) -> Iterator[Problem]:
    """Give an obstacle for a snapshot that doesn't fit: with a full pool its VMs would be paused on."""
    for step in steps_of(steps, SnapshotSpec):
        if step.action is not Action.CREATE:
            continue
        from labctl.kinds.snapshot import room  # most plans take none

        pool = host.pool(identity.pool_name(step.wanted.lab))
        folder = PurePosixPath(pools.path(pool))
        takes, free = room.needed(host.connection, pool, step.wanted), pools.free_space(folder)
        if takes > free:
            yield Problem(
                f"memory and copies take up to {_rounded(takes)}, and {_rounded(free)} are free in {folder}",
                str(step.address),
                hint="free some space: `labctl snapshot prune` deletes old ones, `labctl halt` leaves out memory",
                severity=FOREIGN,
            )


def _stored_size(path: str) -> int:
    """The bytes that a local file takes in the store. Holes don't count, since they stay holes there."""
    try:
        stat = Path(path).stat()
    except OSError:
        return 0  # it was removed meanwhile: that is an error once it is read
    return min(stat.st_size, stat.st_blocks * BLOCK)


def _rounded(count: int) -> str:
    """A size in whole MiB, or in whole GiB from 10 GiB on."""
    step = 1 << 20 if count < 10 << 30 else 1 << 30
    return format_size(count // step * step)
