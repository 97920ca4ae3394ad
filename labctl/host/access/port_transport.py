"""The way into a guest over labctl's port: it needs no network, no keys and no SSH server."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, BinaryIO

from labctl.core.errors import LabctlError
from labctl.guest import protocol
from labctl.guest.protocol import PIECE_BYTES, Exit, Output
from labctl.host.access.port_session import HUNG_UP
from labctl.host.access.transport import ROOT, Captured, Transport

if TYPE_CHECKING:
    from labctl.host.access.port_session import PortSession


class PortTransport(Transport):
    """Uses a session that is open; the guest's script runs the commands, several at once if need be.

    A command that is cancelled or out of time is ended with all its processes.
    """

    def __init__(self, session: PortSession) -> None:
        self._session = session

    async def _execute(self, text: str, user: str, stdin: BinaryIO | None, captured: Captured) -> int:
        await self._session.renewed()
        if user != ROOT:
            text = shlex.join(["su", "-s", "/bin/sh", user, "-c", text])
        with self._session.new_run() as (run, events):
            self._session.send(protocol.command_run(run, text, stdin=stdin is not None))
            event = None
            try:
                while not isinstance(event := await events.get(), Exit | None):
                    if isinstance(event, Output):
                        captured.write(event.stream, event.data)
                    elif stdin is not None:
                        self._session.send(protocol.command_stdin(run, stdin.read(PIECE_BYTES)))
            finally:
                if not isinstance(event, Exit):
                    self._session.send(protocol.command_kill(run))
        if event is None:
            raise LabctlError(HUNG_UP)
        return event.code
