"""The VMs that a verb is about which may be about several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app.one_vm import by_base, one
from labctl.app.vm_names import choose, refuse, unknown
from labctl.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.app.session import Session
    from labctl.engine.overview import Overview


def several(
    session: Session, seen: Overview, vms: Sequence[str], groups: Sequence[str], *, every: bool
) -> dict[str, bool]:
    """The names of the VMs that are meant: those named, those of groups, or all. Each has whether it was named itself.

    Where nothing is said and the lab has one VM, it is that one.

    Raises:
        UsageError: there is no such VM or group, which is told of all of them; or nothing says which.
    """
    bases = by_base(session, seen)
    known = {group for vm in session.lab.vms for group in vm.groups}
    refuse([*unknown("VM", vms, {*bases, *bases.values()}), *unknown("group", groups, known)])
    named = choose(vms, bases) if vms else []
    chosen = [*(bases if every else ()), *named]
    chosen += [vm.name for group in groups for vm in session.lab.vms if group in vm.groups]
    if not (chosen or every or groups):
        return {one(session, None, seen): True}
    if not chosen:
        raise UsageError("no VM is meant by that")
    return {name: name in named for name in chosen}
