"""A session with one guest over labctl's port: its boot is followed, and it gets its NICs and host names."""

from __future__ import annotations

import asyncio
import os
import re
import time
from typing import TYPE_CHECKING

from labctl import resources
from labctl.core.errors import LabctlError, NotReady
from labctl.guest import protocol
from labctl.guest.quota import TooMuch
from labctl.host.access import console
from labctl.host.access.port_transport import PortTransport
from labctl.host.access.streams import FEW_BYTES

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.host.access.port_session import PortSession
    from labctl.host.libvirt.connection import Connection
    from labctl.kinds.vm.spec import VmSpec

SCRIPT_S = 30.0  # with KVM; emulated guests take seconds to start Python
RANDOM_BYTES = 64  # as many as the kernel's pool mixes at once
LATE_S = 1.0  # the time is sent in whole seconds
UNABLE = 3  # what reseed.sh sets as the exit code where it can't ask the kernel
# root runs this in the guest after keys.sh. The keys come by stdin, since other users can see a program's arguments.
_REKEY = """umask 077
mkdir -p /var/lib/labctl
sudo=no
[ -n "$(home_of {user})" ] || sudo=yes
sed "s/^login {user} SUDO /login {user} $sudo /" >/var/lib/labctl/keys
umask 022
apply_keys /var/lib/labctl/keys || exit 1
"""
_STAGES = ("init", "config", "final", "done")  # cloud-init's stages in their order
_MODULE = re.compile(r"\(['\"]([\w-]{1,40})['\"]", re.ASCII)  # as in ('scripts-user', RuntimeError(…))


class GuestSession:
    """A session with a VM's guest from its boot until it is ready; `port` is what all it says goes through."""

    def __init__(self, connection: Connection, port: PortSession) -> None:
        self._connection = connection
        self._clock_sent = 0.0
        self.port = port

    def send_config(self, spec: VmSpec, *, new: bool = False) -> list[str]:
        """Send host names and NICs, and return the names of the replies to expect.

        A `new` guest gets only host names, since its seed has the NICs. A spec that was read from libvirt, as that of a
        VM that resumes, has a digest of the names and not the names: the guest keeps those that it has.
        """
        nics = [nic for nic in spec.nics if nic.guest and nic.link == "up" and not new]
        for nic in nics:
            self.port.send(protocol.command_nic(nic.mac, nic.guest.lines))
        known = bool(spec.host_lines) or not spec.hosts
        if known:
            self.port.send(protocol.command_hosts(spec.host_lines))
        return [*(f"nic {nic.mac}" for nic in nics), *["hosts"] * known]

    def set_clock(self) -> None:
        """Send the time; `await_clock` waits for the reply."""
        self._clock_sent = time.monotonic()
        self.port.send(protocol.command_clock(int(time.time())))

    async def await_clock(self) -> None:
        """Wait until a guest has the time that `set_clock` sent.

        It is sent again if the guest took so long that it is another one by now.

        Raises:
            LabctlError: its clock can't be set.
        """
        await self.await_replies(["clock"])
        if time.monotonic() - self._clock_sent > LATE_S:
            self.set_clock()
            await self.await_replies(["clock"])

    async def reseed_and_rekey(self, spec: VmSpec, keys: str, *, reseed: bool) -> bool:
        """Give a guest random numbers of its own, if it is to `reseed`, and `keys` (`protocol.key_lines`), if any.

        One script does both: to start one more takes an emulated guest a tenth of a second. Gives False where the
        guest's kernel can't begin anew at once; it does within a minute.

        Raises:
            LabctlError: it does not take them.
        """
        script, stdin = "", ""
        if reseed:
            script, stdin = resources.text("templates/guest/reseed.sh"), f"{os.urandom(RANDOM_BYTES).hex()}\n"
        if keys:
            script += resources.text("templates/guest/keys.sh") + _REKEY.format(user=spec.user)
        done = await PortTransport(self.port).run(
            f"{script}exit ${{unable:-0}}",
            stdin=f"{stdin}{keys}".encode(),
            timeout=SCRIPT_S * spec.slowness,
            limit=FEW_BYTES,
        )
        if done.exit_code == UNABLE:
            return False
        what = " and ".join(["random bytes"] * reseed + ["new keys"] * bool(keys))
        done.check(f"its guest did not take {what}")
        return True

    async def await_replies(self, names: list[str]) -> None:
        for name in names:
            reply = await self.port.reply(name)
            if not reply.ok:
                raise LabctlError(f"its guest could not do `{name}`: {reply.detail}")

    async def follow_boot(self, spec: VmSpec, tell: Teller, deadline: float) -> None:
        """Report each stage of the guest's boot as it comes, until cloud-init has ended.

        Raises:
            NotReady: the time is up, the VM is gone, or it sends more than it may.
        """
        stage = "no word from its guest yet"
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                while (state := self.port.state) is None or not state.finished:
                    if state and _later(state.stage, stage):
                        stage = state.stage
                        tell.stage(stage)  # the driver reports the end, as the stage `booted`
                    await self.port.next()
        except TimeoutError as error:
            summary = f"not booted after {spec.timeout:.0f} s; it hung at: {stage}"
            raise await not_ready(self._connection, spec, summary) from error
        except LabctlError as error:
            brief = error.summary if isinstance(error, TooMuch) else ""
            raise await not_ready(self._connection, spec, error.summary, error.hint, brief) from error

    async def await_addresses(self, spec: VmSpec) -> None:
        """Wait until each NIC that gets its address from a DHCP server other than labctl's has one."""
        macs = [nic.mac for nic in spec.nics if nic.guest.dhcp4 and nic.link == "up"]
        while macs and not ((state := self.port.state) and all(map(state.addresses_of, macs))):
            await self.port.next()

    def report_cloud_init(self, spec: VmSpec, tell: Teller) -> None:
        """Report cloud-init's warnings. NotReady if cloud-init failed."""
        state = self.port.state
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


async def not_ready(
    connection: Connection, spec: VmSpec, summary: str, hint: str = "", brief: str = ""
) -> NotReady:
    """Make the error to raise, of a summary and the last lines of the VM's console."""
    tail = await connection.call(console.tail, connection.virt, spec.lab, spec.name)
    said = f"\nthe last lines of its console:\n{_indented(tail)}" if tail else ""
    return NotReady(
        summary + said,
        where=str(spec.address),
        hint=hint
        or f"the VM is kept: look with `labctl ssh {spec.name}`, raise its `timeout`,"
        " or run `labctl up` again to go on waiting",
        brief=brief,
    )


def _indented(text: str) -> str:
    return "\n".join(f"  | {line}" for line in text.splitlines())


def _brief(errors: tuple[str, ...]) -> str:
    """A short text with the modules of cloud-init that failed; an error looks like `('users_groups', TypeError(…))`."""
    modules = dict.fromkeys(found[1] for each in errors if (found := _MODULE.match(each)))
    return (
        " ".join(["cloud-init failed", *([f"in {', '.join(modules)}"] if modules else [])])
        + ": `labctl up` tells why"
    )
