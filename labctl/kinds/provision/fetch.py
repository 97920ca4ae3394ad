"""Copies a step's file or folder out of guests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from labctl.host.access import copying
from labctl.host.files import os_errors
from labctl.kinds.provision import guest_log
from labctl.kinds.provision.work import Fetch

if TYPE_CHECKING:
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


async def _fetch(job: Job, _target: Target, way: Transport) -> None:
    work = job.spec.work
    assert isinstance(work, Fetch)
    with os_errors.translated("can't make it", work.target.parent):
        work.target.parent.mkdir(parents=True, exist_ok=True)
    left_out = await copying.get(
        way,
        work.source,
        work.target,
        user=job.spec.user,
        limit_bytes=MOST_BYTES,
        progress=lambda done, total: job.tell.progress("fetching", done, total),
    )
    if left_out:
        job.tell.warn(
            f"left out of {work.source}: {', '.join(left_out[:10])}", "devices, and links that lead out of it"
        )
    await guest_log.append(way, job.spec, f"fetched {work.source}")
