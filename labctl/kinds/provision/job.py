"""One run of a step: what its function is given."""

from __future__ import annotations

import asyncio
import datetime
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from labctl.core.errors import LabctlError, NotReady
from labctl.core.record import record
from labctl.host.access import port_session, restarts
from labctl.host.access.port_transport import PortTransport
from labctl.host.libvirt import domains, records
from labctl.host.libvirt.connection import translated
from labctl.kinds.provision import guest_log
from labctl.kinds.provision.spec import DIGEST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable

    from labctl.core.events import Teller
    from labctl.host.access.keys import Keys
    from labctl.host.access.transport import Transport
    from labctl.host.libvirt.connection import Connection
    from labctl.kinds.provision.spec import ProvisionSpec, Target


# What to do about a step whose guest restarts
REBOOTS = (
    "write `reboot: true` beside `shell`, and no `reboot` in it: labctl restarts the guest, and waits for it"
)


@record
class Job:
    """A step, the VMs in which it is to be done now, and the ways to these and to who watches."""

    spec: ProvisionSpec
    targets: tuple[Target, ...]
    tell: Teller
    connection: Connection
    keys: Keys

    async def in_each(self, work: Callable[[Target, Transport], Coroutine[Any, Any, None]]) -> None:
        """Do the work in all of the VMs at once, over their ports, and write down where it is done.

        Raises:
            NotReady: it failed in one of them; the others have ended.
        """
        ends = await asyncio.gather(*(self._in(each, work) for each in self.targets), return_exceptions=True)
        errors = [each for each in ends if isinstance(each, BaseException)]
        failed = [each for each in errors if isinstance(each, NotReady)]
        for each in errors:
            if each not in failed:
                raise each
        if failed:
            first = failed[0]
            summary = "\n".join(each.summary for each in failed)
            raise NotReady(summary, where=first.where, hint=first.hint, brief=first.brief)

    async def _in(
        self, target: Target, work: Callable[[Target, Transport], Coroutine[Any, Any, None]]
    ) -> None:
        opened = port_session.opened(self.connection, target.libvirt_name, self.tell.progress)
        watched = restarts.watched(self.connection, target.libvirt_name)
        async with self.noted([target], partial(self.failure, target)), opened as port, watched as restarted:
            await restarts.unless(restarted, work(target, PortTransport(port)), REBOOTS)
            if self.spec.reboot:
                self.tell.progress(f"restarting {target.vm}")
                await restarts.restart(port, restarted)

    async def log(self, text: str) -> None:
        """Append what the step said on this machine to the logs of its VMs. A log that can't be written is told."""

        async def append(target: Target) -> None:
            try:
                async with port_session.opened(
                    self.connection, target.libvirt_name, self.tell.progress
                ) as port:
                    await guest_log.append(PortTransport(port), self.spec, text)
            except LabctlError as error:
                self.tell.warn(f"what it said is not in the log of {target.vm}: {error}", error.hint)

        await asyncio.gather(*map(append, self.targets))

    @asynccontextmanager
    async def noted(
        self, targets: Iterable[Target], failure: Callable[[str, str], NotReady]
    ) -> AsyncIterator[None]:
        """Write down in these VMs that the step is done, once the block is, or that it failed.

        Raises:
            NotReady: it failed; the error of `failure`, which is given why and a hint, if it was another one.
        """
        try:
            yield
        except LabctlError as error:
            for target in targets:
                # the error itself matters more than its note, which needs the connection
                with suppress(LabctlError):
                    await self.failed(target)
            if isinstance(error, NotReady):
                raise
            raise failure(str(error), error.hint) from error
        for target in targets:
            await self.done(target)

    async def done(self, target: Target) -> None:
        """Write down that the step is done in this VM."""
        when = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        await self.connection.call(self._write, target, {DIGEST: self.spec.content, "when": when})

    async def failed(self, target: Target) -> None:
        """Write down that the step failed in this VM, for `status`. Nothing that the guest said is in it."""
        await self.connection.call(self._write, target, {"failed": guest_log.title(self.spec)})

    def _write(self, target: Target, record: dict[str, str]) -> None:
        with translated(str(self.spec.address)):
            domain = domains.find(self.connection.virt, target.lab, target.vm)
            if domain is None:
                raise LabctlError("its VM is gone", where=str(self.spec.address))
            records.write(domain, self.spec.kind, self.spec.key, record)

    def failure(self, target: Target, why: str, hint: str = "") -> NotReady:
        """The error of a step that failed in a VM."""
        named = self.spec.given_name or self.spec.summary
        where = f" on {target.vm}" if not self.spec.vm else ""
        return NotReady(
            f"{named}{where}: {why}",
            where=str(self.spec.address),
            hint=hint
            or f"mend it and run `labctl up`, which goes on from here; or look with `labctl ssh {target.vm}`",
            brief="a provisioning step failed: `labctl up` tells why",
        )
