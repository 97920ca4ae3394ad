"""A daemon of libvirt's, which PID 1 starts, and starts again when it ends."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from labctl.host.rootless.contents import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

START_S = 120.0  # for it to answer at first: the machine does other things too
PAUSE_S = 5.0  # from one start to the next
# Variables that a Python which is not the system's may need, and a daemon does not
_PYTHONS = {"LD_LIBRARY_PATH", "PYTHONPATH"}
_POLL_S = 0.02
_END_S = 10.0


class Daemon:
    """One that answers at a socket. PID 1 reaps processes, also this one.

    `before` is called in the new process before it is the daemon, and `tell` with what becomes of it later.
    """

    def __init__(
        self, program: str, place: str, before: Callable[[], object], tell: Callable[[str], object]
    ) -> None:
        self._program, self._place, self._before, self._tell = program, place, before, tell
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = 0.0

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            Failed: it is not there, has ended, or takes too long.
        """
        self._begin()
        while not self._answers():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() - self._begun > START_S:
                raise Failed(self._program, "it does not answer")
            time.sleep(_POLL_S)

    def keep(self, reaped: Collection[int]) -> None:
        """Start it again if it is among the processes that ended. What hinders that is told, and tried again later."""
        if self._process and self._process.pid in reaped:
            self._process = None
            self._tell(f"{self._program} has ended, and is started again")
        if self._process is None and time.monotonic() - self._begun >= PAUSE_S:
            try:
                self._begin()
            except Failed as error:
                self._tell(str(error))

    def end(self) -> None:
        """Ask it to end, and wait a while."""
        if self._process:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_S)

    def _begin(self) -> None:
        self._begun = time.monotonic()
        try:
            self._process = subprocess.Popen(
                [self._program],
                env={name: value for name, value in os.environ.items() if name not in _PYTHONS},
                preexec_fn=self._before,  # noqa: PLW1509  # one thread
            )
        except OSError as error:
            raise Failed(self._program, error.strerror or str(error)) from error

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(self._place) == 0
