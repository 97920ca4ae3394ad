"""The sink that writes events as JSON lines; the first line names the version of the format."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TextIO

from labctl.core.events import ConsoleLine, Finished
from labctl.core.text import json_text
from labctl.report import screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
        self._write(value)

    def whole(self, events: Iterable[Event]) -> None:
        """Write several events at once, and all of their texts, however long: what is asked for is data."""
        self._write(*(each.to_json() for each in events))

    def begin(self) -> None:
        """Write the first line now, if no event has done so: who reads knows then that the next events will come."""
        self._write()

    def _write(self, *values: object) -> None:
        with self._lock:
            first = () if self._format_told else ({"event": "Format", "format": FORMAT},)
            self._format_told = True
            screen.write(self._stream, "".join(f"{json_text(value)}\n" for value in (*first, *values)))
