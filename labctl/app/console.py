"""The serial console of a VM on this terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app.one_vm import look, one
from labctl.core.errors import LabctlError
from labctl.core.lifecycle import ACTIVE
from labctl.host.access.terminal import attach
from labctl.host.libvirt.connection import translated
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.app.session import Session


def console(session: Session, name: str | None, *, force: bool, announce: Callable[[str], None]) -> None:
    """Attach this terminal to a VM's console until Ctrl-] is typed. `announce` is called first, with the VM's name.

    Raises:
        UsageError: there is no such VM, or there are several and `name` is None.
        LabctlError: the VM does not run, or someone else has its console.
    """
    seen = look(session)
    vm = one(session, name, seen)
    found = next((each for each in seen.vms if each.name == vm), None)
    if found is None or found.state not in ACTIVE:
        state = found.state if found else "not there yet"
        raise LabctlError(f"it is {state}", where=f"vm/{vm}", hint=f"`labctl up {vm}` starts it")
    with translated(f"vm/{vm}"):
        domain = session.hosts.of(addresses.vm(vm)).virt.lookupByName(found.libvirt_name)
        announce(vm)
        attach(domain, 0, 1, force=force)
