"""Whether what a plan makes has room in libvirt's pools, as far as sizes show it beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import Problem
from labctl.core.size import size
from labctl.host import storage
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.image.spec import POOL, ImageSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.session import Session
    from labctl.core.plan import Plan
    from labctl.core.spec import Spec


def check(session: Session, plan: Plan) -> Iterator[Problem]:
    """Refuse images that do not fit, warn of disks that may outgrow what is free: they grow as guests write."""
    made = [(step.before, step.after) for step in plan.steps]
    images = sum(_bytes(after) for _, after in made)
    disks = sum(_growth(before, after) for before, after in made)
    if not images and not disks:
        return
    free = storage.available(session.connection.virt, POOL, local=session.connection.local)
    if free is None:
        return
    if images > free:
        yield Problem(
            f"the images to store take {size(images)}, and {size(free)} are free where images are kept",
            hint="`labctl image prune` removes what nothing needs",
        )
    elif images + disks > free:
        yield Problem(
            f"the disks may grow to {size(disks)}, and {size(free - images)} are free",
            hint="a VM is paused when its disk finds no more space; `labctl image prune` may free some",
            severity="warning",
        )


def _bytes(spec: Spec | None) -> int:
    """What storing a file takes; of what has yet to be downloaded or built nobody knows."""
    if not isinstance(spec, ImageSpec) or spec.source != "path":
        return 0
    try:
        return Path(spec.origin).stat().st_blocks * 512
    except OSError:
        return 0  # it is looked at again when it is stored


def _growth(before: Spec | None, after: Spec | None) -> int:
    """By how much a disk may grow beyond what it was."""
    if not isinstance(after, DiskSpec):
        return 0
    had = before.size if isinstance(before, DiskSpec) else 0
    return max(0, (after.size or 0) - (had or 0))
