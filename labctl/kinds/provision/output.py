"""The output of a step: it is told line by line, and its end is kept for the error."""

from __future__ import annotations

import codecs
import io
from collections import deque
from typing import TYPE_CHECKING

from labctl.kinds.provision import guest_log

if TYPE_CHECKING:
    from collections.abc import Callable

LAST = 10  # lines that an error shows
LONGEST = 2000  # characters of a line
MOST = 1 << 20  # characters that are told of one step; the rest is in the guest's log


class Output(io.RawIOBase):
    """A file for `Transport.run`. `tell` is called with each line; a guest may write for ever, so there is an end."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest, self._told = "", 0
        self._last: deque[str] = deque(maxlen=LAST)

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # no other buffer is written
        *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in lines:
            self._line(line)
        if len(self._rest) > LONGEST:
            self._line(self._rest)
            self._rest = ""
        return len(data)

    def end(self) -> None:
        """Tell what came after the last newline."""
        if rest := self._rest + self._decoder.decode(b"", final=True):
            self._line(rest)
        self._rest = ""

    @property
    def last(self) -> str:
        """The last lines, indented, each on a line of its own; empty if there was no output."""
        return "".join(f"\n  | {line}" for line in self._last)

    def _line(self, line: str) -> None:
        line = line.rstrip("\r").rpartition("\r")[2][:LONGEST]  # of a progress bar the latest
        if line.strip():
            self._last.append(line)
        if self._told > MOST:
            return
        self._told += len(line) + 1
        self._tell(line if self._told <= MOST else f"… (the rest is in {guest_log.PATH} of the guest)")
