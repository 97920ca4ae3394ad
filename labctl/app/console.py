"""The serial console of a VM on this terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.app.one_vm import look, one, running
from labctl.core.lifecycle import ACTIVE
from labctl.host.access import console as log
from labctl.host.access.terminal import attach
from labctl.host.libvirt.connection import translated
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.app.session import Session


LAST_LINES = 20  # of what the VM wrote before


def console(session: Session, name: str | None, *, force: bool, announce: Callable[[str, str], None]) -> None:
    """Attach this terminal to a VM's console until Ctrl-] is typed.

    `announce` is called first, with the VM's name and the last lines of its console so far.

    Raises:
        UsageError: there is no such VM, or there are several and `name` is None.
        LabctlError: the VM does not run, or someone else has its console.
    """
    seen = look(session)
    vm = one(session, name, seen)
    found = running(seen, vm, ACTIVE)
    with translated(f"vm/{vm}"):
        virt = session.hosts.of(addresses.vm(vm)).virt
        domain = virt.lookupByName(found.libvirt_name)

        def opened() -> None:
            # read only now, so that nothing is written in between; a line may be shown twice instead
            announce(vm, log.tail(virt, session.lab.name, vm, LAST_LINES))

        attach(domain, 0, 1, force=force, opened=opened)
