"""The sink that writes events as JSON lines; the first line names the version of the format."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TextIO

from labctl.core.events import ConsoleLine, Finished
from labctl.core.text import json_text
from labctl.report import screen

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.core.events import Ending, Event

FORMAT = 1


class JsonLines:
    """Writes each event as one line and flushes it. `exit_code` gives the command's exit code for an ending."""

    def __init__(self, stream: TextIO, exit_code: Callable[[Ending], int]) -> None:
        self._stream, self._exit_code = stream, exit_code
        self._lock = threading.Lock()
        self._format_told = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, ConsoleLine):
            return  # `labctl logs` has all of them
        value = screen.bounded(event).to_json()
        if isinstance(event, Finished):
            value["exit_code"] = self._exit_code(event.ending)
        with self._lock:
            self._begin()
            self._write(value)

    def begin(self) -> None:
        """Write the first line now, if no event has done so: who reads knows then that the next events will come."""
        with self._lock:
            self._begin()

    def _begin(self) -> None:
        if not self._format_told:
            self._write({"event": "Format", "format": FORMAT})
            self._format_told = True

    def _write(self, value: object) -> None:
        screen.write(self._stream, f"{json_text(value)}\n")
