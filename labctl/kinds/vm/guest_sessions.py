"""The sessions of a run with guests: following their boots, configuring them, and waiting for `ready` conditions."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.lifecycle import State
from labctl.guest import protocol
from labctl.host.access import conditions, port_session
from labctl.host.access.last_line import LastLine
from labctl.host.access.port_transport import PortTransport
from labctl.host.libvirt.connection import translated
from labctl.kinds.vm.guest_session import GuestSession, not_ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from labctl.core.events import Teller
    from labctl.guest.protocol import GuestState
    from labctl.host.access.keys import Keys
    from labctl.host.access.transport import Transport
    from labctl.host.libvirt.connection import Connection
    from labctl.kinds.vm.disks_and_nics import ReadyCheck
    from labctl.kinds.vm.spec import VmSpec

ANSWER_S = 60.0  # with KVM
CONSOLE_S = 2.0  # between two looks at a booting VM's console
LEASE_S = 20.0  # how long to wait for addresses after cloud-init has ended


def answer_s(spec: VmSpec) -> float:
    """How many seconds a guest may take to do what it is told. Three emulated ones on two cores need over a minute."""
    return ANSWER_S * spec.slowness


class GuestSessions:
    """The sessions of one run. A VM's session stays open from its boot until it is ready."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._open: dict[str, GuestSession] = {}
        self._held = dict[str, AsyncExitStack]()
        self._deadlines: dict[str, float] = {}
        self._left: dict[
            str, float
        ] = {}  # what a boot left of a VM's time limit: provisioning does not count
        self._states: dict[str, GuestState | None] = {}

    async def booted(
        self,
        spec: VmSpec,
        tell: Teller,
        before: VmSpec | None,
        *,
        keeps_memory: bool = False,
        unchanged: bool = False,
    ) -> None:
        """Follow a guest to the end of its cloud-init, then send it what its seed doesn't have.

        `before` is the VM's spec until now, None for a new VM. With `keeps_memory` its guest was not booted,
        but continues from its memory, which may come from a disk: it first gets what it lacks of the time between.
        With `unchanged` this is all: it knows its names and NICs.
        """
        deadline = self._deadline(spec)
        session = await self._session(spec, tell)
        try:
            if keeps_memory:
                session.set_clock()  # at once: what it does meanwhile may look at it
                tell.progress("waiting for its guest")  # which does not boot
            async with self._console_told(spec, tell):
                await session.follow_boot(spec, tell, deadline)
            try:
                if keeps_memory:
                    async with self._answer_expected(spec):
                        await session.await_clock()
                await self._reseed_and_rekey(spec, session, tell, before, reseed=keeps_memory)
                if not (keeps_memory and unchanged):
                    await self._configure(spec, session, before)
            except LabctlError:
                session.report_cloud_init(spec, tell)  # a failure of cloud-init explains the error better
                raise
            session.report_cloud_init(spec, tell)
            await self._learn_addresses(spec, session, tell)
            self._left[spec.name] = deadline - time.monotonic()
        except BaseException:
            await self._close(spec)
            raise

    @asynccontextmanager
    async def _console_told(self, spec: VmSpec, tell: Teller) -> AsyncIterator[None]:
        """Tell what the VM's console says while the block runs."""
        watching = asyncio.create_task(self._tell_console(spec, tell))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def _tell_console(self, spec: VmSpec, tell: Teller) -> None:
        last_line, told = LastLine(spec.lab, spec.name), ""
        while True:
            await asyncio.sleep(CONSOLE_S)
            line = await self._connection.call(last_line, self._connection.virt)
            if line and line != told:
                tell.console(line)
            told = line

    async def _reseed_and_rekey(
        self, spec: VmSpec, session: GuestSession, tell: Teller, before: VmSpec | None, *, reseed: bool
    ) -> None:
        """Give a guest that goes on from its memory random numbers of its own, and any guest the keys that it lacks."""
        keys = self._lacking_keys(spec, before)
        if not (keys or reseed):
            return
        async with self._answer_expected(spec):
            try:
                anew = await session.reseed_and_rekey(spec, keys, reseed=reseed)
            except LabctlError as error:
                if keys:
                    self._keys.forget(spec.name)
                error.where = error.where or str(spec.address)
                raise
        # what a snapshot brings back is paused at first
        restored = spec.saved or (before is not None and before.state in (State.SAVED, State.PAUSED))
        if restored and not anew:
            tell.warn("its random numbers may repeat for up to a minute: it has neither python3 nor perl")

    def _lacking_keys(self, spec: VmSpec, before: VmSpec | None) -> str:
        """This Labfile's keys for a guest that has others, or if the local ones were lost; else empty."""
        others = bool(spec.saved) or (before is not None and before.keyed is False)
        if self._keys.knows(spec.name) and not others:
            return ""
        login = self._keys.login_public()
        return protocol.key_lines(spec.user, "SUDO", login, *self._keys.host(spec.name))

    async def _configure(self, spec: VmSpec, session: GuestSession, before: VmSpec | None) -> None:
        """Send host names and NICs; after cloud-init's end, since cloud-init writes to the same files."""
        if before is not None or spec.host_lines:
            async with self._answer_expected(spec):
                await session.await_replies(session.send_config(spec, new=before is None))

    async def _learn_addresses(self, spec: VmSpec, session: GuestSession, tell: Teller) -> None:
        """Wait for the addresses of NICs that get them from a DHCP server other than labctl's, and keep them."""
        try:
            async with asyncio.timeout(LEASE_S):
                await session.await_addresses(spec)
        except TimeoutError:
            tell.warn(
                "its guest has no address on every network yet", "does a DHCP server answer on the others?"
            )
        self._states[spec.name] = session.port.state

    def with_reported_addresses(self, spec: VmSpec) -> VmSpec:
        """The VM's spec with the addresses that its guest reported in this run."""
        state = self._states.get(spec.name)
        return spec if state is None else spec.with_seen(state.addresses_of)

    async def ready(self, spec: VmSpec, tell: Teller) -> None:
        self._deadlines[spec.name] = deadline = time.monotonic() + self._left.pop(spec.name, spec.timeout)
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                inside = spec.scripted and not all(check.from_host for check in spec.checks)
                guest = PortTransport((await self._session(spec, tell)).port) if inside else None
                await asyncio.gather(*(self._await_condition(spec, check, guest) for check in spec.checks))
        except TimeoutError as error:
            raise await not_ready(self._connection, spec, "its `ready` conditions are not met") from error
        finally:
            await self._close(spec)

    async def reconfigure(self, spec: VmSpec, tell: Teller, before: VmSpec) -> None:
        """Send a running guest its NICs, host names and keys, and wait for its replies."""
        tell.progress("telling the guest")
        try:
            session = await self._session(spec, tell)
            async with self._answer_expected(spec):
                await session.await_replies(session.send_config(spec))
            await self._reseed_and_rekey(spec, session, tell, before, reseed=False)
            await self._learn_addresses(spec, session, tell)
        finally:
            await self._close(spec)

    @asynccontextmanager
    async def _answer_expected(self, spec: VmSpec) -> AsyncIterator[None]:
        """NotReady if the block takes longer than a guest may."""
        try:
            async with asyncio.timeout(answer_s(spec)):
                yield
        except TimeoutError as error:
            summary = "its guest does not answer on labctl's port"
            raise await not_ready(self._connection, spec, summary) from error

    def _deadline(self, spec: VmSpec) -> float:
        return self._deadlines.setdefault(spec.name, time.monotonic() + spec.timeout)

    async def _session(self, spec: VmSpec, tell: Teller) -> GuestSession:
        if spec.name not in self._open:
            async with AsyncExitStack() as held:
                with translated(str(spec.address)):
                    shared = port_session.opened(self._connection, spec.libvirt_name, tell.progress)
                    port = await held.enter_async_context(shared)
                self._open[spec.name] = GuestSession(self._connection, port)
                self._held[spec.name] = held.pop_all()
        return self._open[spec.name]

    async def _close(self, spec: VmSpec) -> None:
        if self._open.pop(spec.name, None):
            await self._held.pop(spec.name).aclose()

    async def _await_condition(self, spec: VmSpec, check: ReadyCheck, guest: Transport | None) -> None:
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
