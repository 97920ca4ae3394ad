"""The output of several VMs on one stream: whole lines, each behind the name of its VM."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from labctl.report import screen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labctl.report.colour import Paint

LINE_BYTES = 64 << 10  # a longer line is broken: a guest may never end one


class Prefixed:
    """Takes a VM's output as it arrives, and writes its lines as they end; controls in them are escaped.

    `masked` hides what must not be shown.
    """

    def __init__(self, stream: TextIO, prefix: str, masked: Callable[[str], str]) -> None:
        self._stream, self._prefix, self._masked = stream, prefix, masked
        self._rest = b""

    def write(self, data: bytes, /) -> None:
        """Take some of it."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > LINE_BYTES:
            lines.append(self._rest[:LINE_BYTES])
            self._rest = self._rest[LINE_BYTES:]
        if lines:
            self._write(lines)

    def flush(self) -> None:
        """Only whole lines are passed on."""

    def close(self) -> None:
        """Write what is left, a line without an end."""
        if self._rest:
            self._write([self._rest])
            self._rest = b""

    def _write(self, lines: Sequence[bytes]) -> None:
        texts = (self._masked(line.decode(errors="replace").rstrip("\r")) for line in lines)
        screen.write(self._stream, "".join(f"{self._prefix}{text}\n" for text in texts))


def prefixes(names: Sequence[str], paint: Paint) -> dict[str, str]:
    """What stands before the lines of each VM: its name, in a colour of its own."""
    width = max(map(len, names), default=0)
    return {name: paint.hue(at, f"{name:{width}} | ") for at, name in enumerate(names)}
