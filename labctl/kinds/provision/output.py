"""The output of a step: it is told line by line, and its end is kept for the error."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from labctl.core.lines import Lines
from labctl.kinds.provision import guest_log

if TYPE_CHECKING:
    from collections.abc import Callable

LAST = 10  # lines that an error shows
LONGEST = 2000  # bytes of a line; a longer one is told in parts
MOST = 1 << 20  # characters that are told of one step
OF_THE_GUEST = f"the rest is in {guest_log.PATH} of the guest"


class Output:
    """A sink for `Transport.run`. `tell` is called with each line; a guest may write for ever, so there is an end.

    `rest` says then where the rest is.
    """

    def __init__(self, tell: Callable[[str], None], rest: str = OF_THE_GUEST) -> None:
        self._tell, self._rest = tell, rest
        self._lines, self._told = Lines(LONGEST), 0
        self._last: deque[str] = deque(maxlen=LAST)

    def write(self, data: bytes, /) -> None:
        """Take some of it."""
        for line in self._lines.feed(data):
            self._line(line)

    def flush(self) -> None:
        """Only whole lines are told."""

    def end(self) -> None:
        """Tell what came after the last newline."""
        for line in self._lines.rest():
            self._line(line)

    @property
    def last(self) -> str:
        """The last lines, indented, each on a line of its own; empty if there was no output."""
        return "".join(f"\n  | {line}" for line in self._last)

    def _line(self, line: str) -> None:
        line = line.rpartition("\r")[2]  # of a progress bar the latest
        if line.strip():
            self._last.append(line)
        if self._told > MOST:
            return
        self._told += len(line) + 1
        self._tell(line if self._told <= MOST else f"… ({self._rest})")
