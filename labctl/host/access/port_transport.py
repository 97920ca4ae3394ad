"""The way into a guest over labctl's port. It needs no network, no keys and no SSH server."""

from __future__ import annotations

import asyncio
import shlex
from typing import TYPE_CHECKING

from labctl.guest import protocol
from labctl.guest.protocol import PIECE_BYTES, ROOT, Exit, Output
from labctl.host.access.streams import while_fed
from labctl.host.access.transport import Transport
from labctl.host.access.users import AT_HOME

if TYPE_CHECKING:
    from labctl.guest.protocol import RunEvent, StdinWanted
    from labctl.host.access.port_session import PortSession
    from labctl.host.access.streams import Captured, Stdin

# The guest's script runs without HOME; the shell looks it up.
_ROOT_S_HOME = "HOME=~root; export HOME\n"


class PortTransport(Transport):
    """Lets the guest's script run commands, several at once if need be, over a session that is open.

    A command that is cancelled or out of time is ended with all its processes.
    """

    def __init__(self, session: PortSession) -> None:
        self._session = session

    async def _execute(self, text: str, user: str, stdin: Stdin | None, captured: Captured) -> int:
        await self._session.renewed()
        text = f"{AT_HOME}{text}"
        text = _ROOT_S_HOME + text if user == ROOT else shlex.join(["su", "-s", "/bin/sh", user, "-c", text])
        with self._session.new_run() as (run, events):
            self._session.send(protocol.command_run(run, text, stdin=stdin is not None))
            wanted: asyncio.Queue[StdinWanted] = asyncio.Queue()
            event = None
            try:
                event = await while_fed(self._ended(events, wanted, captured), self._feed(run, wanted, stdin))
            finally:
                if event is None:
                    self._session.send(protocol.command_kill(run))
        if event is None:
            raise self._session.ended
        return event.code

    async def _feed(self, run: str, wanted: asyncio.Queue[StdinWanted], stdin: Stdin | None) -> None:
        piece = b"more"
        while piece and stdin is not None:
            await wanted.get()
            piece = await stdin.read(PIECE_BYTES)
            self._session.send(protocol.command_stdin(run, piece))

    async def _ended(
        self,
        events: asyncio.Queue[RunEvent | None],
        wanted: asyncio.Queue[StdinWanted],
        captured: Captured,
    ) -> Exit | None:
        """Handle the messages about a command until its end; None means that the guest hung up."""
        while not isinstance(event := await events.get(), Exit | None):
            if isinstance(event, Output):
                captured.write(event.stream, event.data)
                self._session.send(protocol.command_more(event))
            else:
                wanted.put_nowait(event)
        return event
