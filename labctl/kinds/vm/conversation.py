"""What is said over a guest's port while it boots, and when its VM changes."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError, NotReady
from labctl.guest import protocol
from labctl.host.access import console
from labctl.host.access.port_session import PortSession

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.host.libvirt.connection import Connection
    from labctl.kinds.vm.spec import VmSpec

_STAGES = ("init", "config", "final", "done")  # in their order; between two of them cloud-init tells none
_MODULE = re.compile(r"\(['\"]([\w-]{1,40})['\"]")  # as in ('scripts-user', RuntimeError(…))


class GuestSession(PortSession):
    """What labctl tells a VM's guest while it boots, and what it learns of it."""

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
                while not (self.state and self.state.finished):
                    await self.next()
                    if self.state and _later(self.state.stage, stage):
                        stage = self.state.stage
                        if not self.state.finished:  # its end is told as `booted`
                            tell.stage(stage)
        except TimeoutError as error:
            summary = f"not booted after {spec.timeout:.0f} s; it hung at: {stage}"
            raise await not_ready(self._connection, spec, summary) from error
        except LabctlError as error:
            raise await not_ready(self._connection, spec, error.summary) from error

    async def addressed(self, spec: VmSpec) -> None:
        """Wait until each NIC that somebody else gives an address has one."""
        macs = [nic.mac for nic in spec.nics if nic.guest.dhcp4 and nic.link == "up"]
        while macs and not (self.state and all(map(self.state.addresses_of, macs))):
            await self.next()

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


async def not_ready(connection: Connection, spec: VmSpec, summary: str) -> NotReady:
    """The error to raise: what is wrong, and the last lines of the VM's console."""
    tail = await connection.call(console.tail, connection.virt, spec.lab, spec.name)
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
