"""Following guests over their ports: what they are told, how far they are, whether their conditions are met."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from labctl import resources
from labctl.core.errors import LabctlError
from labctl.guest import protocol
from labctl.host.access import conditions
from labctl.host.access.port_transport import PortTransport
from labctl.host.libvirt.connection import translated
from labctl.kinds.vm.conversation import GuestSession, not_ready
from labctl.kinds.vm.transitions import transition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from labctl.core.events import Teller
    from labctl.guest.protocol import GuestState
    from labctl.host.access.keys import Keys
    from labctl.host.access.transport import Transport
    from labctl.host.libvirt.connection import Connection
    from labctl.kinds.vm.spec import VmSpec
    from labctl.kinds.vm.uses import Check

# Run by root in the guest, after keys.sh; stdin has the lines of keys, which are no argument that others could see.
_REKEY = """umask 077
mkdir -p /var/lib/labctl
sudo=no
[ -n "$(home_of {user})" ] || sudo=yes
sed "s/^login {user} SUDO /login {user} $sudo /" >/var/lib/labctl/keys
umask 022
apply_keys /var/lib/labctl/keys
"""
ANSWER_S = 60.0  # an emulated guest under load takes its time
LEASE_S = 20.0  # for an address after its cloud-init has ended


class GuestSessions:
    """The conversations of one run, a VM's kept open from its boot until it is ready."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._open: dict[str, GuestSession] = {}
        self._deadlines: dict[str, float] = {}
        self._states: dict[str, GuestState | None] = {}

    async def booted(self, spec: VmSpec, tell: Teller, before: VmSpec | None) -> None:
        """Follow a guest to the end of its cloud-init, then tell it what it does not know.

        `before` is what it was until now, None for a new one, which knows what its seed says.
        """
        deadline = self._deadline(spec)
        talk = await self._talk(spec, tell)
        try:
            if before is not None and transition(before.state, spec.state).goes_on:
                talk.send(protocol.command_clock(int(time.time())))
            await talk.followed(spec, tell, deadline)
            try:
                await self._informed(spec, talk, before)
            except LabctlError:
                talk.judge(spec, tell)  # what cloud-init says of itself explains more
                raise
            talk.judge(spec, tell)
            await self._addressed(spec, talk, tell)
        except BaseException:
            await self._close(spec)
            raise

    async def _informed(self, spec: VmSpec, talk: GuestSession, before: VmSpec | None) -> None:
        """Tell it names, NICs and keys; not before cloud-init's end, since that is at the same files."""
        if before is not None or spec.host_lines:
            async with self._bounded(spec):
                await talk.answered(talk.tell(spec, new=before is None))
        async with self._bounded(spec):
            await self._rekey(spec, talk, before)

    async def _addressed(self, spec: VmSpec, talk: GuestSession, tell: Teller) -> None:
        """Learn the addresses that somebody else gives its NICs."""
        try:
            async with asyncio.timeout(LEASE_S):
                await talk.addressed(spec)
        except TimeoutError:
            tell.warn(
                "its guest has no address on every network yet", "does a DHCP server answer on the others?"
            )
        self._states[spec.name] = talk.state

    def seen(self, spec: VmSpec) -> VmSpec:
        """The VM with the addresses that its guest reported in this run."""
        state = self._states.get(spec.name)
        return spec if state is None else spec.with_seen(state.addresses_of)

    async def ready(self, spec: VmSpec, tell: Teller) -> None:
        deadline = self._deadline(spec)
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                inside = spec.scripted and not all(check.from_host for check in spec.checks)
                guest = PortTransport(await self._talk(spec, tell)) if inside else None
                await asyncio.gather(*(self._met(spec, check, guest) for check in spec.checks))
        except TimeoutError as error:
            raise await not_ready(self._connection, spec, "its `ready` conditions are not met") from error
        finally:
            await self._close(spec)

    async def told(self, spec: VmSpec, tell: Teller, before: VmSpec) -> None:
        """Tell a guest and wait for its answers."""
        tell.progress("telling the guest")
        try:
            talk = await self._talk(spec, tell)
            async with self._bounded(spec):
                await talk.answered(talk.tell(spec))
                await self._rekey(spec, talk, before)
            await self._addressed(spec, talk, tell)
        finally:
            await self._close(spec)

    @asynccontextmanager
    async def _bounded(self, spec: VmSpec) -> AsyncIterator[None]:
        """Give up on a guest that does not answer."""
        try:
            async with asyncio.timeout(ANSWER_S):
                yield
        except TimeoutError as error:
            summary = "its guest does not answer on labctl's port"
            raise await not_ready(self._connection, spec, summary) from error

    async def _rekey(self, spec: VmSpec, talk: GuestSession, before: VmSpec | None) -> None:
        """Give a guest this Labfile's keys where it has others or they were lost: the port needs none to get in."""
        others = before is not None and before.keyed is False
        if self._keys.knows(spec.name) and not others:
            return
        login = self._keys.login_public()
        private, public = self._keys.host(spec.name)
        lines = protocol.key_lines(spec.user, "SUDO", login, private, public)
        script = resources.text("templates/guest/keys.sh") + _REKEY.format(user=spec.user)
        try:
            done = await PortTransport(talk).run(script, stdin=lines.encode(), timeout=ANSWER_S / 2)
            done.check("its guest did not take new keys")
        except LabctlError as error:
            self._keys.forget(spec.name)
            error.where = error.where or str(spec.address)
            raise

    def _deadline(self, spec: VmSpec) -> float:
        return self._deadlines.setdefault(spec.name, time.monotonic() + spec.timeout)

    async def _talk(self, spec: VmSpec, tell: Teller) -> GuestSession:
        if spec.name not in self._open:
            talk = GuestSession(self._connection)
            with translated(str(spec.address)):
                await talk.open(spec.libvirt_name, tell.progress)
            self._open[spec.name] = talk
        return self._open[spec.name]

    async def _close(self, spec: VmSpec) -> None:
        talk = self._open.pop(spec.name, None)
        if talk:
            await self._connection.call(talk.close)

    async def _met(self, spec: VmSpec, check: Check, guest: Transport | None) -> None:
        timeout = check.timeout or max(1.0, self._deadlines[spec.name] - time.monotonic())
        if guest and not check.from_host:
            unmet = await conditions.unmet_in_guest(guest, check.kind, check.value, timeout, check.interval)
        else:
            unmet = await conditions.unmet_from_here(
                check.kind, check.value, check.addresses, timeout, check.interval
            )
        if unmet is not None:
            summary = f"not ready: {check} is not met ({unmet or 'no answer in time'})"
            raise await not_ready(self._connection, spec, summary)
