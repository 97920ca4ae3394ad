"""The way into a guest: over SSH where the host has a route to it, over labctl's port where it has none."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from labctl.app import ssh
from labctl.core.errors import LabctlError
from labctl.core.lifecycle import State
from labctl.host.access import port_session, ssh_transport
from labctl.host.access import ssh as openssh
from labctl.host.access.port_transport import PortTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from labctl.app.session import Session
    from labctl.host.access.transport import Transport


@asynccontextmanager
async def connected(
    session: Session, vm: str | None, waiting: Callable[[str], object] = lambda _: None
) -> AsyncIterator[Transport]:
    """A transport to a VM while the block runs; `waiting` is told who else has the port.

    Raises:
        UsageError: there is no such VM, or several and none was named.
        LabHeld: there is no route, and another one has the port.
        LabctlError: the VM does not run, has no cloud-init, or does not answer.
    """
    seen = ssh.look(session)
    name = ssh.one(session, vm, seen)
    found = ssh.reach(seen, session.host.uri)
    guest = next((each for each in seen.vms if each.name == name), None)
    if guest is None or guest.state != State.RUNNING:
        why = found.reasons.get(name, "it does not exist yet")
        raise LabctlError(why, where=f"vm/{name}", hint=f"`labctl up {name}` mends that")
    if not guest.seeded:
        raise LabctlError("it was made without cloud-init, so labctl has no way into it", where=f"vm/{name}")
    login = found.logins.get(name)
    if login is not None and login.jump not in found.logins and session.keys.knows(name):
        config = openssh.write(session.folder, session.lab.name, found.logins.values(), session.keys)
        async with ssh_transport.connected(config, name, login.user) as transport:
            yield transport
    else:
        async with port_session.opened(session.host.connection, guest.libvirt_name, waiting) as talk:
            yield PortTransport(talk)
