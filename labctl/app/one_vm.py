"""The one VM that a verb is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app.status import choose
from labctl.core.address import natural_sort_key
from labctl.core.errors import UsageError
from labctl.engine import overview

if TYPE_CHECKING:
    from labctl.app.session import Session
    from labctl.engine.overview import Overview


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
