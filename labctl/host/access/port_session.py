"""A session over labctl's port of one guest: what is sent, and what waits for an answer."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import count
from typing import TYPE_CHECKING

import libvirt

from labctl.core.errors import LabctlError, LabHeld
from labctl.guest import protocol, script
from labctl.guest.protocol import HELLO, RENEW_S, RUN_VERSION, GuestState, Reply
from labctl.guest.quota import TooMuch
from labctl.host.access.channel import GuestPort
from labctl.host.libvirt.connection import call_on, translated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from labctl.guest.protocol import Message, RunEvent
    from labctl.host.libvirt.connection import Connection

HELD_S, HELD_POLL_S = 60.0, 0.3  # to wait for another program that has the port
RENEW_POLL_S = 1.0
HUNG_UP = "it hung up: the VM stopped, or its port was closed"


class PortSession:
    """An open port and the messages that arrived on it.

    The port calls back on the thread of libvirt's event loop; everything else runs on asyncio's loop. Of what the guest
    sends, only its state and answers to what was asked are listened to, so nothing piles up here.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()  # a new one after each message, so that everybody who waits wakes
        self._port: GuestPort | None = None
        self._asked: set[str] = set()  # what the guest may answer, as `protocol.asked` gives it
        self._replies: dict[str, Reply] = {}
        self._runs: dict[str, asyncio.Queue[RunEvent | None]] = {}
        self._numbers = count(1)
        self._unsent: deque[str] = deque()
        self._piece = ""  # the piece of stdin that the guest has not acknowledged yet
        self._renewing = asyncio.Lock()
        self._over = False
        self._excess = ""
        self._listening = ExitStack()
        self.state: GuestState | None = None

    async def open(self, libvirt_name: str, waiting: Callable[[str], object] = lambda _: None) -> None:
        """Open the port of a running domain. While another program has it, wait, and call `waiting` with who that is.

        Raises:
            LabHeld: the other program still has it after a minute.
            LabctlError: the domain does not run.
        """
        deadline, told = time.monotonic() + HELD_S, ""
        with ExitStack() as listening:
            listening.enter_context(self._connection.on_loss(lambda: self._closed("")))
            while True:
                try:
                    self._port = await self._connection.call(self._open, libvirt_name)
                except LabHeld as held:
                    if time.monotonic() > deadline:
                        raise
                    if held.summary != told:
                        waiting(f"waiting: {held.summary}")
                    told = held.summary
                    await asyncio.sleep(HELD_POLL_S)
                else:
                    break
            self._listening = listening.pop_all()
        self._take()

    def _open(self, libvirt_name: str) -> GuestPort:
        with translated():
            domain = self._connection.virt.lookupByName(libvirt_name)
            return GuestPort(domain, self._arrived, self._closed)

    def _arrived(self) -> None:  # on libvirt's event thread
        call_on(self._loop, self._take)

    def _closed(self, excess: str) -> None:  # on libvirt's event thread
        call_on(self._loop, self._stop, excess)

    def close(self) -> None:
        """Hang up. The guest ends the commands that it still runs."""
        self._listening.close()
        if self._port:
            self._port.close()

    def send(self, line: str) -> None:
        """Queue a line. It is sent when the guest has taken the piece of stdin before it, if there is one."""
        self._unsent.append(line)
        self._send()

    def _send(self) -> None:
        while self._port and self._unsent and not self._piece and not self._over:
            line = self._unsent.popleft()
            answers = protocol.asked(line)
            self._asked.update(answers)
            self._piece = answers[0] if line.startswith("stdin ") else ""
            try:
                self._port.send(line)
            except libvirt.libvirtError:
                self._stop("")  # whoever waits learns it as a hang-up

    def _take(self) -> None:
        for message in self._port.take() if self._port else ():  # what arrives earlier is taken by `open`
            self._received(message)

    def _received(self, message: Message) -> None:
        if isinstance(message, GuestState):
            self.state = message
        elif message.answers not in self._asked:
            return
        else:
            self._asked.remove(message.answers)
            self._answered(message)
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _answered(self, message: Reply | RunEvent) -> None:
        if not isinstance(message, Reply):
            if message.run in self._runs:  # nobody waits for others any more
                self._runs[message.run].put_nowait(message)
        elif message.name == self._piece:
            self._piece = ""
            self._send()
        else:
            self._replies[message.name] = message

    def _stop(self, excess: str) -> None:
        self._over, self._excess = True, self._excess or excess
        for events in self._runs.values():
            events.put_nowait(None)
        self._wake()

    @property
    def over(self) -> bool:
        """Whether the guest has hung up."""
        return self._over

    @property
    def ended(self) -> LabctlError:
        """The error that says why the session is over."""
        return TooMuch(self._excess) if self._excess else LabctlError(HUNG_UP)

    async def next(self) -> None:
        """Wait until the next message arrives. It wakes everybody who waits here.

        Who looks for something looks first and then waits, without anything in between: then no message is missed.

        Raises:
            TooMuch: the guest sent more than it may.
            LabctlError: it hung up.
        """
        if self._over:
            raise self.ended
        await self._news.wait()

    async def reply(self, name: str) -> Reply:
        """Wait for the reply to a command. Errors are those of `next`."""
        while name not in self._replies:
            await self.next()
        return self._replies.pop(name)

    @contextmanager
    def new_run(self) -> Iterator[tuple[str, asyncio.Queue[RunEvent | None]]]:
        """Give a new command a name, and a queue of the guest's messages about it. None in it means a hang-up.

        Raises:
            LabctlError: the guest has hung up already.
        """
        if self._over:
            raise self.ended
        name = str(next(self._numbers))
        events = self._runs[name] = asyncio.Queue()
        try:
            yield name, events
        finally:
            del self._runs[name]
            self._asked = {each for each in self._asked if not each.startswith(f"{name} ")}

    async def renewed(self) -> None:
        """Make sure that the guest's script runs commands. An older labctl's script is replaced until the next boot.

        Raises:
            LabctlError: the guest does not answer, or its script can't be replaced.
        """
        try:
            async with asyncio.timeout(RENEW_S), self._renewing:
                while self.state is None:
                    await self.next()
                if self.state.version < RUN_VERSION:
                    await self._renew()
        except TimeoutError as error:
            raise LabctlError("its guest does not answer on labctl's port") from error

    async def _renew(self) -> None:
        self.send(protocol.command_renew(script.renewal()))
        while self.state is None or self.state.version < RUN_VERSION:
            await asyncio.sleep(RENEW_POLL_S)
            if self._over:
                raise self.ended
            failed = self._replies.pop("check renew", None)
            if failed and not failed.ok:
                raise LabctlError(
                    f"its guest's script is an older labctl's and could not be renewed: {failed.detail}"
                )
            self.send(HELLO)  # the older script may have answered the last one


class _Shared:
    """A session that several users of one VM's port have, and the number of these."""

    def __init__(self) -> None:
        self.users = 0
        self.opening = asyncio.Lock()
        self.session: PortSession | None = None

    async def opened(
        self, connection: Connection, libvirt_name: str, waiting: Callable[[str], object]
    ) -> PortSession:
        """The session that is open, or a new one where there is none or the guest has hung up."""
        async with self.opening:
            if self.session and self.session.over:
                self.session.close()
                self.session = None
            if self.session is None:
                session = PortSession(connection)
                await session.open(libvirt_name, waiting)
                self.session = session
            return self.session


_SHARED: dict[tuple[Connection, asyncio.AbstractEventLoop, str], _Shared] = {}


@asynccontextmanager
async def opened(
    connection: Connection, libvirt_name: str, waiting: Callable[[str], object] = lambda _: None
) -> AsyncIterator[PortSession]:
    """A session for the block. Errors are those of `PortSession.open`.

    Blocks of one event loop share a session: a port can be opened once. It is closed after the last of them.
    """
    place = connection, asyncio.get_running_loop(), libvirt_name
    shared = _SHARED.setdefault(place, _Shared())
    shared.users += 1
    try:
        yield await shared.opened(connection, libvirt_name, waiting)
    finally:
        shared.users -= 1
        if not shared.users:
            del _SHARED[place]
            if shared.session:
                shared.session.close()
