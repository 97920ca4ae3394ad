"""How much a guest may send over labctl's port.

A guest is not trusted. What it sends is counted as it arrives, before anything else is done with it, since libvirt's
streams have no flow control: what labctl does not read, libvirt keeps in labctl's memory without a bound. What labctl
asks for is not held against the guest: each line of the host allows as much as it may bring about, and the next piece
of an output comes only when labctl has dealt with the one before.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.size import format_size

if TYPE_CHECKING:
    from collections.abc import Callable

# A piece of output has 88 KB, the state of a cloud-init with many warnings 100 KB.
MESSAGE_BYTES = 1 << 20
# At once, and so what is kept of a guest: the first output of 20 commands that start together.
BURST_BYTES = 4 << 20
# A second, unasked: a guest that boots tells its state three times a second, in a few KB.
RATE_BYTES = 1 << 17
# For each line of the host: `run` brings two pieces of output at most, the others less.
ANSWER_BYTES = 1 << 18
# What each line costs beside its length: many short ones take as much time as a long one.
LINE_BYTES = 256


class TooMuch(LabctlError):
    """A guest sent more than it may, and its port was closed."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"it sends more than a guest may on labctl's port: {what}",
            hint="something in it misuses that port: look with `labctl console`, end it, and run the same command"
            " again; or `labctl destroy` the VM",
        )


class Quota:
    """What one guest may still send. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = float(BURST_BYTES)
        self._counted = clock()
        self._line = 0  # how long the line without an end is so far

    def asked(self) -> None:
        """The host sent a line, which the guest may answer."""
        self._left = min(BURST_BYTES, self._left + ANSWER_BYTES)

    def excess(self, data: bytes) -> str:
        """Count what has arrived. Gives what is too much about it, or the empty string."""
        now = self._clock()
        refilled = self._left + (now - self._counted) * RATE_BYTES
        self._left = min(BURST_BYTES, refilled) - len(data) - data.count(b"\n") * LINE_BYTES
        self._counted = now
        end = data.rfind(b"\n")
        self._line = self._line + len(data) if end < 0 else len(data) - end - 1
        if self._line > MESSAGE_BYTES:
            return f"a line of more than {format_size(MESSAGE_BYTES)}"
        if self._left < 0:
            return f"more than {format_size(RATE_BYTES)} a second that nobody asked for"
        return ""
