"""Which way is taken into a guest: SSH, or labctl's port. Nothing else decides that."""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from labctl.app import shared_connections
from labctl.app.one_vm import look, one, running
from labctl.app.reach import reach
from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.host.access import ssh as openssh
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from labctl.app.reach import Reach
    from labctl.app.session import Session
    from labctl.engine.overview import Overview
    from labctl.host.access.transport import Transport
    from labctl.kinds.vm.overview import VmOverview

NO_LOGIN = "it was made without cloud-init, so labctl has no login there"


@record
class Way:
    """The way into a VM that runs.

    `no_ssh` is None if SSH leads there. Otherwise it is the error to raise when nothing but SSH will do. `config` is
    the path of OpenSSH's configuration. `direct` says that SSH goes through no other VM.
    """

    vm: VmOverview
    no_ssh: LabctlError | None
    direct: bool
    config: Path

    @property
    def by_port(self) -> bool:
        """Whether commands go over labctl's port, which one program at a time can have."""
        return self.no_ssh is not None or not self.direct


def find(session: Session, vm: str | None) -> Way:
    """Find the way into a VM. If SSH leads there, the configuration that OpenSSH reads is written.

    Raises:
        UsageError: there is no such VM, or several and none was named.
        LabctlError: the VM does not run, or was made without cloud-init.
    """
    seen = look(session)
    (way,) = find_each(session, [one(session, vm, seen)], seen).values()
    if isinstance(way, LabctlError):
        raise way
    return way


def find_each(session: Session, names: Iterable[str], seen: Overview) -> dict[str, Way | LabctlError]:
    """Find the ways into several VMs, which there are; for each without one the error that says why."""
    found = reach(seen)
    ways = {name: _way(session, name, seen, found) for name in names}
    if any(isinstance(way, Way) and way.no_ssh is None for way in ways.values()):
        openssh.write(session.folder, session.lab.name, found.logins.values(), session.keys)
    return ways


def _way(session: Session, name: str, seen: Overview, found: Reach) -> Way | LabctlError:
    try:
        guest = running(seen, name)
    except LabctlError as error:
        return error
    login = found.logins.get(name)
    if not guest.seeded:
        return LabctlError(
            NO_LOGIN,
            where=f"vm/{name}",
            hint=f"if it has one of its own: ssh {login.address}"
            if login
            else f"try `labctl console {name}`",
        )
    direct = login is not None and login.jump not in found.logins
    return Way(guest, _no_ssh(session, name, found), direct, session.folder.path / openssh.CONFIG)


@asynccontextmanager
async def connected(
    session: Session, vm: str | None, waiting: Callable[[str], object] = lambda _: None
) -> AsyncIterator[Transport]:
    """A transport to a VM while the block runs. Errors are those of `find` and `opened`."""
    async with opened(session, find(session, vm), waiting) as transport:
        yield transport


@asynccontextmanager
async def opened(
    session: Session, way: Way, waiting: Callable[[str], object] = lambda _: None
) -> AsyncIterator[Transport]:
    """A transport while the block runs. It goes through no other VM: then the port is taken.

    While another program has the port, `waiting` is called with who that is.

    Raises:
        LabHeld: another program still has the port after a minute.
        LabctlError: the VM does not answer.
    """
    # all of asyncio comes with them, which a login by OpenSSH does without
    from labctl.host.access import port_session, ssh_transport
    from labctl.host.access.port_transport import PortTransport

    if not way.by_port:
        async with ssh_transport.connected(
            way.config, way.vm.name, way.vm.user, shared_connections.control(session, way.vm)
        ) as transport:
            yield transport
    else:
        host = session.hosts.of(addresses.vm(way.vm.name))
        async with port_session.opened(host.connection, way.vm.libvirt_name, waiting) as talk:
            yield PortTransport(talk)


def no_login_key(session: Session) -> LabctlError:
    return LabctlError(
        f"the lab's login key is not at {session.keys.login}",
        hint="`labctl up` puts new keys into the lab where they were lost",
    )


def _no_ssh(session: Session, vm: str, found: Reach) -> LabctlError | None:
    """The error that says why SSH does not lead to a running VM; None if it does."""
    port = f"`labctl ssh {vm} -- COMMAND` and `labctl console {vm}` need no network"
    if vm not in found.logins:
        why = found.reasons[vm]
        hint = port
        if why.startswith("the host"):
            hint += "; or put a VM on one of them and on a network of the host"
        elif why.startswith("its guest"):
            hint = f"does a DHCP server answer there? {port}"
        return LabctlError(f"can't log in: {why}", where=f"vm/{vm}", hint=hint)
    if not session.keys.has_login():
        return no_login_key(session)
    if session.keys.known_host(vm) is None:
        return LabctlError(
            f"the host key of {vm} is not known here",
            hint="`labctl up` puts new keys into the lab where they were lost",
        )
    if shutil.which("ssh") is None:
        return LabctlError(
            "there is no ssh on this machine", hint="install OpenSSH's client; see `labctl doctor`"
        )
    return None
