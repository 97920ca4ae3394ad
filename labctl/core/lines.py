"""Makes lines of what arrives piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 64 << 10  # bytes of a line: a guest may never end one


class Lines:
    """Takes bytes, and gives the lines that they complete, without their ends. A longer one comes in parts."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._begun = b""

    def feed(self, data: bytes) -> list[str]:
        *whole, begun = (self._begun + data).split(b"\n")
        lines = [part for line in whole for part in self._parts(line)]
        *parts, self._begun = self._parts(begun)
        return [_text(line) for line in (*lines, *parts)]

    def rest(self) -> list[str]:
        """The last line, if it has no end yet."""
        rest, self._begun = self._begun, b""
        return [_text(rest)] if rest else []

    def _parts(self, line: bytes) -> Iterator[bytes]:
        while len(line) > self._longest:
            end = self._longest
            while end > self._longest - 3 and line[end] & 0xC0 == 0x80:  # within a character of UTF-8
                end -= 1
            yield line[:end]
            line = line[end:]
        yield line


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
