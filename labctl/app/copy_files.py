"""What `copy` does: files and folders into a VM, or out of one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.app import transport
from labctl.core.coroutines import Stoppable
from labctl.core.errors import LabctlError, UsageError
from labctl.core.record import record, replace
from labctl.host.access import copying

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labctl.app.session import Session
    from labctl.host.access.transport import Transport

    Progress = Callable[[str, int, int], object]  # what is copied, the bytes that were, and of how many

LIMIT_BYTES = 16 << 30
_IN_VM = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9-]*):(.*)", re.DOTALL
)  # a local path with a colon has a slash before it


@record
class Copy:
    """What is copied: `sources` to `target`. `vm` has the sources, or with `into` the target.

    `user` reads or writes there, the one who logs in if it is empty. `limit_bytes` is the most that a VM may send for
    each source.
    """

    vm: str
    sources: tuple[str, ...]
    target: str
    into: bool
    user: str = ""
    limit_bytes: int = LIMIT_BYTES


def asked(words: Sequence[str]) -> Copy:
    """What `SRC... DST` means; `VM:PATH` is a path in a VM.

    Raises:
        UsageError: neither or both sides are in a VM, a source is missing, or there are several for what is no folder.
            All that is wrong is told.
    """
    if len(words) < 2:  # a source and a target
        raise UsageError("what is to be copied, and where to?", hint="as in `labctl copy site web:/srv`")
    *sources, target = (_IN_VM.fullmatch(word) for word in words)
    vms = {found[1] for found in sources if found}
    if bool(target) == bool(vms) or len(vms) > 1 or (vms and not all(sources)):
        hint = "as in `labctl copy site web:/srv`, or `labctl copy web:/etc/hosts .`"
        raise UsageError("one side is in a VM, the other one here", hint=hint)
    if target:
        asked = Copy(target[1], tuple(words[:-1]), target[2], into=True)
        wrong = [f"there is no {each} here" for each in asked.sources if not Path(each).exists()]
    else:
        asked = Copy(vms.pop(), tuple(found[2] for found in sources if found), words[-1], into=False)
        wrong = _wrong_target(words[-1], several=len(sources) > 1)
    if wrong:
        raise UsageError("\n".join(wrong))
    return asked


def _wrong_target(target: str, *, several: bool) -> list[str]:
    path = Path(target)
    if not path.is_dir() and (several or target.endswith("/")):
        return [f"there is no folder {target} here"]
    return [] if path.parent.is_dir() else [f"there is no folder {path.parent} here"]


def copy(
    session: Session, wanted: Copy, progress: Progress, waiting: Callable[[str], object]
) -> Stoppable[tuple[str, ...]]:
    """Copy it. The result are the names of what was left out of folders that a VM sent, as links that lead out.

    Args:
        session: where the lab is.
        wanted: what `asked` gave.
        progress: called as it goes on.
        waiting: called with who has labctl's port of the VM meanwhile.

    Raises:
        LabctlError: the VM does not run. The result raises it where something can't be read or written.
    """
    way = transport.find(session, wanted.vm)
    wanted = replace(wanted, user=wanted.user or way.vm.user)

    async def copied() -> tuple[str, ...]:
        try:
            async with transport.opened(session, way, waiting) as guest:
                return await _each(guest, wanted, progress)
        except LabctlError as error:
            error.where = error.where or f"vm/{way.vm.name}"
            raise

    return Stoppable(copied())


async def _each(guest: Transport, wanted: Copy, progress: Progress) -> tuple[str, ...]:
    left_out: list[str] = []
    # several sources go into a folder that exists
    target = f"{wanted.target}/." if wanted.into and len(wanted.sources) > 1 else wanted.target
    for source in wanted.sources:

        def told(done: int, of: int, source: str = source) -> None:
            progress(source, done, of)

        if wanted.into:
            await copying.put(guest, Path(source), target, user=wanted.user, progress=told)
        else:
            left_out += await copying.get(
                guest, source, Path(target), user=wanted.user, limit_bytes=wanted.limit_bytes, progress=told
            )
    return tuple(left_out)
