"""Makes lines of what arrives from a guest piece by piece."""

from __future__ import annotations

from labctl.host.access import console

LONGEST = 64 << 10  # bytes of a line; a longer one is told in parts


class Lines:
    """Takes bytes, and gives the lines that they complete, without terminal controls."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, data: bytes) -> list[str]:
        *whole, self._begun = (self._begun + data).split(b"\n")
        if len(self._begun) > LONGEST:
            whole.append(self._begun)
            self._begun = b""
        if not whole:
            return []
        return console.text_of(b"\n".join([*whole, b""])).split("\n")[:-1]

    def rest(self) -> str:
        """The last line, if it has no end yet."""
        rest, self._begun = self._begun, b""
        return console.text_of(rest)
