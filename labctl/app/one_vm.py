"""The one VM that a verb is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app.vm_names import choose
from labctl.core.address import natural_sort_key
from labctl.core.errors import LabctlError, Several, UsageError
from labctl.core.lifecycle import State
from labctl.engine import overview

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from labctl.app.session import Session
    from labctl.engine.overview import Overview
    from labctl.kinds.vm.overview import VmOverview


_GO_ON = (State.PAUSED, State.SAVED)


class NotRunning(LabctlError):
    """A VM is not up. `state` is None if it is not there yet."""

    def __init__(self, vm: str, state: State | None = None) -> None:
        self.vm = vm
        starts = ("up", "starts" if state else "makes")
        self.mended_by, self.mends = ("resume", "resumes") if state in _GO_ON else starts
        super().__init__(f"it is {state or 'not there yet'}", where=f"vm/{vm}", hint=_mending([self]))


def _mending(errors: Sequence[NotRunning]) -> str:
    """What brings these VMs up: one command for all that it is for."""
    hints = []
    for verb in dict.fromkeys(each.mended_by for each in errors):
        mine = [each for each in errors if each.mended_by == verb]
        names = " ".join(each.vm for each in mine)
        mends = " or ".join(dict.fromkeys(each.mends for each in mine))
        hints.append(f"`labctl {verb} {names}` {mends} {'it' if len(mine) == 1 else 'them'}")
    return "; ".join(hints)


def errors_of_several(errors: Sequence[LabctlError]) -> LabctlError:
    """One error that says what they say. The hint has each of theirs once, and one command for VMs that are not up."""
    if len(errors) == 1:
        return errors[0]
    down = [each for each in errors if isinstance(each, NotRunning)]
    hints = dict.fromkeys([_mending(down), *(each.hint for each in errors if each not in down)])
    return Several(errors, hint="; ".join(filter(None, hints)))


def look(session: Session) -> Overview:
    """Look at the lab in libvirt. Problems of its Labfile are raised first."""
    lab = session.lab.name
    return overview.look(session.hosts, lab, ask=True)


def one(session: Session, vm: str | None, seen: Overview) -> str:
    """The name of the VM that is meant: the one named, or the only one of the lab.

    Raises:
        UsageError: there is no such VM, or several and none was named.
    """
    bases = by_base(session, seen)
    chosen = choose([vm] if vm else [], bases)
    if len(chosen) == 1:
        return chosen[0]
    if not bases:
        raise UsageError(
            f"lab {session.lab.name} has no VMs", hint="write one under vms:, then `labctl up` makes it"
        )
    names = sorted(chosen, key=natural_sort_key)
    what = f"{vm} stands for {len(names)} VMs" if vm else "which VM?"
    raise UsageError(what, hint=f"name one of {', '.join(names[:12])}{', …' if len(names) > 12 else ''}")


def by_base(session: Session, seen: Overview) -> dict[str, str]:
    """All VMs of the Labfile and of libvirt: a VM's name → its name as written in the Labfile."""
    return {vm.name: vm.base for vm in session.lab.vms} | {vm.name: vm.base for vm in seen.vms}


def running(seen: Overview, vm: str, states: Container[State] = (State.RUNNING,)) -> VmOverview:
    """A VM that is up, as it was seen; with `states` also one in another of these.

    Raises:
        NotRunning: it is in another state, or not there yet.
    """
    found = next((each for each in seen.vms if each.name == vm), None)
    if found is None or found.state not in states:
        raise NotRunning(vm, found.state if found else None)
    return found
