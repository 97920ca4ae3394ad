"""The VMs that a verb is about which may be about several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app.one_vm import by_base, one
from labctl.core.errors import UsageError
from labctl.labfile.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.app.session import Session
    from labctl.engine.overview import Overview


def several(
    session: Session, seen: Overview, vms: Sequence[str], groups: Sequence[str], *, every: bool
) -> list[str]:
    """The names of the VMs that are meant, each once: those named, those of groups, or all.

    Where nothing is said and the lab has one VM, it is that one.

    Raises:
        UsageError: there is no such VM or group, which is told of all of them; or nothing says which.
    """
    bases, wrong = by_base(session, seen), []
    chosen = list(bases) if every else []
    for name in vms:
        found = [vm for vm, base in bases.items() if name in (vm, base)]
        if not found:
            wrong.append(_unknown("VM", name, {*bases, *bases.values()}))
        chosen += found
    known = {group for vm in session.lab.vms for group in vm.groups}
    for group in groups:
        if group not in known:
            wrong.append(_unknown("group", group, known))
        chosen += [vm.name for vm in session.lab.vms if group in vm.groups]
    if wrong:
        raise UsageError("\n".join(wrong))
    if not (chosen or every or groups):
        return [one(session, None, seen)]
    if not chosen:
        raise UsageError("no VM is meant by that")
    return list(dict.fromkeys(chosen))


def _unknown(what: str, name: str, known: set[str]) -> str:
    hint = did_you_mean(name, known)
    return f"no {what} is called {name}" + (f" ({hint})" if hint else "")
