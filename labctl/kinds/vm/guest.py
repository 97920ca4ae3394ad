"""Following guests over their ports: what they are told, how far they are, whether their conditions are met."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import libvirt

from labctl import resources
from labctl.core.errors import LabctlError, NotReady
from labctl.core.record import replace
from labctl.guest import protocol
from labctl.guest.protocol import GuestState, Reply
from labctl.host import console, probe
from labctl.host.channel import GuestPort
from labctl.host.connection import translated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from labctl.core.events import Teller
    from labctl.host.connection import Connection
    from labctl.host.keys import Keys
    from labctl.kinds.vm.spec import Check, VmSpec

# Run by root in the guest, after keys.sh; in the lines of keys nothing but $sudo means something to a shell.
_REKEY = """umask 077
mkdir -p /var/lib/labctl
sudo=no
[ -n "$(home_of {user})" ] || sudo=yes
cat >/var/lib/labctl/keys <<END
{lines}END
umask 022
apply_keys /var/lib/labctl/keys
"""
_STAGES = ("init", "config", "final", "done")  # in their order; between two of them cloud-init tells none
_MODULE = re.compile(r"\(['\"](\w{1,40})['\"]")
ANSWER_S = 60.0  # an emulated guest under load takes its time
LEASE_S = 20.0  # for an address after its cloud-init has ended


class Conversations:
    """The conversations of one run, a VM's kept open from its boot until it is ready."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._connection = connection
        self._keys = keys
        self._open: dict[str, Conversation] = {}
        self._deadlines: dict[str, float] = {}
        self._states: dict[str, GuestState | None] = {}

    async def booted(self, spec: VmSpec, tell: Teller, before: VmSpec | None) -> None:
        """Follow a guest to the end of its cloud-init, then tell it what it does not know.

        `before` is what it was until now, None for a new one, which knows what its seed says.
        """
        deadline = self._deadline(spec)
        talk = await self._talk(spec)
        try:
            if before is not None and before.state == "paused":
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

    async def _informed(self, spec: VmSpec, talk: Conversation, before: VmSpec | None) -> None:
        """Tell it names, NICs and keys; not before cloud-init's end, since that is at the same files."""
        if before is not None or spec.host_lines:
            async with self._bounded(spec):
                await talk.answered(talk.tell(spec, new=before is None))
        async with self._bounded(spec):
            await self._rekey(spec, talk, before)

    async def _addressed(self, spec: VmSpec, talk: Conversation, tell: Teller) -> None:
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
        if state is None:
            return spec
        nics = (replace(nic, seen=state.of(nic.mac)) if "dhcp" in nic.guest else nic for nic in spec.nics)
        return replace(spec, nics=tuple(nics))

    async def ready(self, spec: VmSpec, tell: Teller) -> None:
        deadline = self._deadline(spec)
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await asyncio.gather(*(self._met(spec, n, check) for n, check in enumerate(spec.checks)))
        except TimeoutError as error:
            raise await self._late(spec, "its `ready` conditions are not met") from error
        finally:
            await self._close(spec)
        del tell

    async def told(self, spec: VmSpec, tell: Teller, before: VmSpec) -> None:
        """Tell a guest and wait for its answers."""
        tell.progress("telling the guest")
        try:
            talk = await self._talk(spec)
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
            raise await self._late(spec, "its guest does not answer on labctl's port") from error

    async def _rekey(self, spec: VmSpec, talk: Conversation, before: VmSpec | None) -> None:
        """Give a guest this Labfile's keys where it has others or they were lost: the port needs none to get in."""
        others = before is not None and before.keyed is False
        if self._keys.knows(spec.name) and not others:
            return
        login = self._keys.login_public()
        private, public = self._keys.host(spec.name)
        lines = protocol.key_lines(spec.user, "$sudo", login, private, public)
        script = resources.text("templates/guest/keys.sh") + _REKEY.format(user=spec.user, lines=lines)
        talk.send(protocol.command_check("rekey", "exec", script, timeout=ANSWER_S / 2, interval=1))
        reply = await talk.reply("check rekey")
        if not reply.ok:
            self._keys.forget(spec.name)
            raise LabctlError(f"its guest did not take new keys: {reply.detail}", where=str(spec.address))

    def _deadline(self, spec: VmSpec) -> float:
        return self._deadlines.setdefault(spec.name, time.monotonic() + spec.timeout)

    async def _talk(self, spec: VmSpec) -> Conversation:
        if spec.name not in self._open:
            talk = Conversation(self._connection)
            with translated(str(spec.address)):
                await talk.open(spec)
            self._open[spec.name] = talk
        return self._open[spec.name]

    async def _close(self, spec: VmSpec) -> None:
        talk = self._open.pop(spec.name, None)
        if talk:
            await self._connection.call(talk.close)

    async def _met(self, spec: VmSpec, number: int, check: Check) -> None:
        timeout = check.timeout or max(1.0, self._deadlines[spec.name] - time.monotonic())
        if check.from_host or not spec.scripted:
            reply = await probe.met(check.kind, check.value, check.addresses, timeout, check.interval)
        else:
            talk = await self._talk(spec)
            name = f"{number}"
            talk.send(
                protocol.command_check(
                    name, check.kind, check.value, timeout=timeout, interval=check.interval
                )
            )
            reply = await talk.reply(f"check {name}")
        if not reply.ok:
            raise await self._late(
                spec, f"not ready: {check} is not met ({reply.detail or 'no answer in time'})"
            )

    async def _late(self, spec: VmSpec, summary: str) -> NotReady:
        tail = await self._connection.call(console.tail, self._connection.virt, spec.lab, spec.name)
        return not_ready(spec, summary, tail)


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


class Conversation:
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
        self._loop.call_soon_threadsafe(self._received, message)

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
        """Send names, and NICs but to a `new` guest, whose seed has them; gives the names of the replies to expect."""
        nics = [nic for nic in spec.nics if nic.guest and nic.link == "up" and not new]
        for nic in nics:
            self.send(protocol.command_nic(nic.mac, nic.guest))
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
        macs = [nic.mac for nic in spec.nics if "dhcp" in nic.guest and nic.link == "up"]
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


def _brief(errors: tuple[str, ...]) -> str:
    """Which modules of cloud-init failed, as in `('users_groups', TypeError(…))`."""
    modules = dict.fromkeys(found[1] for each in errors if (found := _MODULE.match(each)))
    return (
        " ".join(["cloud-init failed", *([f"in {', '.join(modules)}"] if modules else [])])
        + ": `labctl up` tells why"
    )
