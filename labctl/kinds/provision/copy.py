"""Copies a step's file or folder into guests."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from labctl.host.access import copying
from labctl.host.files import pinned
from labctl.kinds.provision import guest_log
from labctl.kinds.provision.work import Copy

if TYPE_CHECKING:
    from labctl.host.access.transport import Transport
    from labctl.kinds.provision.job import Job
    from labctl.kinds.provision.spec import Target


async def run(job: Job) -> None:
    """Copy it into each VM.

    Raises:
        NotReady: it failed in one of them.
    """
    await job.in_each(partial(_copy, job))


async def _copy(job: Job, target: Target, way: Transport) -> None:
    work = job.spec.work
    assert isinstance(work, Copy)
    if not work.source.exists():
        raise job.failure(target, f"there is no {work.source} to copy", "no step before it has fetched it")
    # A second run has to do the same as the first one. As with cp it would put a folder into the one that it made.
    name = f"{work.target}{work.source.name}" if work.target.endswith("/") else work.target
    with pinned.opened(work.source, work.real) as source:
        await copying.put(
            way,
            source,
            name,
            exact=source.is_dir(),
            user=job.spec.user,
            mode=work.mode,
            origin=work.source,
            progress=lambda done, total: job.tell.progress("copying", done, total),
        )
    await guest_log.append(way, job.spec, f"copied {work.source.name} to {work.target}")
