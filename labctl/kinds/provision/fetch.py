"""Copies a step's file or folder out of guests."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.host.access import copying
from labctl.host.files import os_errors, pinned
from labctl.kinds.provision import guest_log
from labctl.kinds.provision.work import Fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.host.access.transport import Transport
    from labctl.kinds.provision.job import Job
    from labctl.kinds.provision.spec import Target

MOST_BYTES = 4 << 30


async def run(job: Job) -> None:
    """Fetch it from each VM.

    Raises:
        NotReady: it failed in one of them.
    """
    await job.in_each(partial(_fetch, job))


@contextmanager
def _pinned(work: Fetch) -> Iterator[Path]:
    """The target, in a folder that nobody can replace meanwhile; what lands in a folder that is there lands in it."""
    if work.target.is_dir():
        with pinned.opened(work.target, work.real) as folder:
            yield folder
    else:
        with pinned.opened(work.target.parent, str(Path(work.real).parent)) as folder:
            yield folder / work.target.name


async def _fetch(job: Job, _target: Target, way: Transport) -> None:
    work = job.spec.work
    assert isinstance(work, Fetch)
    pinned.check(work.target, work.real)
    with os_errors.translated("can't make it", work.target.parent):
        work.target.parent.mkdir(parents=True, exist_ok=True)
    with _pinned(work) as target:
        left_out = await copying.get(
            way,
            work.source,
            target,
            user=job.spec.user,
            limit_bytes=MOST_BYTES,
            progress=lambda done, total: job.tell.progress("fetching", done, total),
        )
    if left_out:
        job.tell.warn(
            f"left out of {work.source}: {', '.join(left_out[:10])}", "devices, and links that lead out of it"
        )
    await guest_log.append(way, job.spec, f"fetched {work.source}")
