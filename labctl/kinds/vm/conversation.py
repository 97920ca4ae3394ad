"""One guest's port, open for as long as somebody talks to it."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import libvirt

from labctl.core.errors import LabctlError, NotReady
from labctl.guest import protocol
from labctl.guest.protocol import GuestState, Reply
from labctl.host.access import console
from labctl.host.access.channel import GuestPort
from labctl.host.libvirt.connection import call_on

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.host.libvirt.connection import Connection
    from labctl.kinds.vm.spec import VmSpec

_STAGES = ("init", "config", "final", "done")  # in their order; between two of them cloud-init tells none
_MODULE = re.compile(r"\(['\"]([\w-]{1,40})['\"]")  # as in ('scripts-user', RuntimeError(…))


class GuestSession:
    """One open port, with what arrived on it. All but the port's callbacks runs on asyncio's loop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._replies: dict[str, Reply] = {}
        self._over = False
        self._listening = ExitStack()
        self.state: GuestState | None = None

    async def open(self, spec: VmSpec) -> None:
        with ExitStack() as listening:
            listening.enter_context(self._connection.on_loss(lambda: self._post(None)))
            self._port = await self._connection.call(self._open, spec)
            self._listening = listening.pop_all()

    def _open(self, spec: VmSpec) -> GuestPort:
        domain = self._connection.virt.lookupByName(spec.libvirt_name)
        return GuestPort(domain, self._post, lambda: self._post(None))

    def _post(self, message: GuestState | Reply | None) -> None:  # on libvirt's event thread
        call_on(self._loop, self._received, message)

    def close(self) -> None:
        self._listening.close()
        self._port.close()

    def send(self, line: str) -> None:
        try:
            self._port.send(line)
        except libvirt.libvirtError:
            self._over = True  # whoever waits learns it as a hang-up

    def _received(self, message: GuestState | Reply | None) -> None:
        if message is None:
            self._over = True
        elif isinstance(message, Reply):
            self._replies[message.name] = message
        else:
            self.state = message
        self._news.set()

    async def _next(self) -> None:
        if self._over:
            raise LabctlError("it hung up: the VM stopped, or another program took its port")
        await self._news.wait()
        self._news.clear()

    async def reply(self, name: str) -> Reply:
        while name not in self._replies:
            await self._next()
            self._news.set() if name in self._replies else None
        return self._replies.pop(name)

    def tell(self, spec: VmSpec, *, new: bool = False) -> list[str]:
        """Send names and NICs, to a `new` guest names only: its seed has the NICs. Gives the replies to expect."""
        nics = [nic for nic in spec.nics if nic.guest and nic.link == "up" and not new]
        for nic in nics:
            self.send(protocol.command_nic(nic.mac, nic.guest.lines))
        self.send(protocol.command_hosts(spec.host_lines))
        return [*(f"nic {nic.mac}" for nic in nics), "hosts"]

    async def answered(self, names: list[str]) -> None:
        for name in names:
            reply = await self.reply(name)
            if not reply.ok:
                raise LabctlError(f"its guest could not do `{name}`: {reply.detail}")

    async def followed(self, spec: VmSpec, tell: Teller, deadline: float) -> None:
        """Tell each stage as the guest reports it, until cloud-init is over.

        Raises:
            NotReady: cloud-init failed, the time is up, or the VM went away.
        """
        stage = "no word from its guest yet"
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                while not (self.state and self.state.over):
                    await self._next()
                    if self.state and _later(self.state.stage, stage):
                        stage = self.state.stage
                        if not self.state.over:  # its end is told as `booted`
                            tell.stage(stage)
        except TimeoutError as error:
            tail = await self._tail(spec)
            raise not_ready(
                spec, f"not booted after {spec.timeout:.0f} s; it hung at: {stage}", tail
            ) from error
        except LabctlError as error:
            raise not_ready(spec, error.summary, await self._tail(spec)) from error

    async def addressed(self, spec: VmSpec) -> None:
        """Wait until each NIC that somebody else gives an address has one."""
        macs = [nic.mac for nic in spec.nics if nic.guest.dhcp4 and nic.link == "up"]
        while macs and not (self.state and all(map(self.state.of, macs))):
            await self._next()

    async def _tail(self, spec: VmSpec) -> str:
        return await self._connection.call(console.tail, self._connection.virt, spec.lab, spec.name)

    def judge(self, spec: VmSpec, tell: Teller) -> None:
        """Tell what cloud-init says of itself. Raises `NotReady` where it failed."""
        state = self.state
        if state is None:
            return
        for warning in state.recoverable:
            tell.warn(f"cloud-init: {warning}")
        if state.errors:
            log = f"\nthe end of cloud-init's output:\n{_indented(state.log)}" if state.log else ""
            raise NotReady(
                "cloud-init failed: " + "; ".join(state.errors) + log,
                where=str(spec.address),
                hint=f"mend `cloud_init` and run `labctl up`, or look with `labctl ssh {spec.name}`",
                brief=_brief(state.errors),
            )


def _later(stage: str, than: str) -> bool:
    order = {name: place for place, name in enumerate(_STAGES)}
    return order.get(stage, -1) > order.get(than, -1)


def not_ready(spec: VmSpec, summary: str, tail: str) -> NotReady:
    said = f"\nthe last lines of its console:\n{_indented(tail)}" if tail else ""
    return NotReady(
        summary + said,
        where=str(spec.address),
        hint=f"the VM is kept: look with `labctl ssh {spec.name}`, raise its `timeout`,"
        " or run `labctl up` again to go on waiting",
    )


def _indented(text: str) -> str:
    return "\n".join(f"  | {line}" for line in text.splitlines())


def _brief(errors: tuple[str, ...]) -> str:
    """Which modules of cloud-init failed, as in `('users_groups', TypeError(…))`."""
    modules = dict.fromkeys(found[1] for each in errors if (found := _MODULE.match(each)))
    return (
        " ".join(["cloud-init failed", *([f"in {', '.join(modules)}"] if modules else [])])
        + ": `labctl up` tells why"
    )
