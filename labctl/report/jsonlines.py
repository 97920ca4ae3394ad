"""The sink that writes events as JSON lines; the first line names the version of the format."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from labctl.core.events import Event

FORMAT = 1


class JsonLines:
    """Writes each event as one line and flushes it. Threads may share it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._write({"event": "Format", "format": FORMAT})

    def __call__(self, event: Event) -> None:
        self._write(event.to_json())

    def _write(self, value: object) -> None:
        line = json.dumps(value, ensure_ascii=False)
        with self._lock:
            self._stream.write(f"{line}\n")
            self._stream.flush()
