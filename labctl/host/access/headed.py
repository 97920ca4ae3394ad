"""What a guest sends behind a line that says what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.size import format_size

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

HEAD_BYTES = 64


class Headed:
    """A sink of a command in a guest, which is hostile: the line has to be as expected, and the content has a limit."""

    def __init__(
        self,
        head: re.Pattern[bytes],
        take: Callable[[bytes], object],
        limit_bytes: int,
        begin: Callable[[re.Match[bytes]], object] = lambda _head: None,
        *,
        hint: str = "",
    ) -> None:
        """Say what is expected of the guest, and what to do with it.

        Args:
            head: matches the first line, with its end.
            take: is called with each piece of the content.
            limit_bytes: of the content.
            begin: is called with the match of the first line, before any content.
            hint: what to do where the content is more than the limit.
        """
        self._pattern, self._take, self._left, self._begin = head, take, limit_bytes, begin
        self._limit, self._hint = limit_bytes, hint
        self._begun = b""  # of the first line
        self._head: re.Match[bytes] | None = None

    @property
    def head(self) -> re.Match[bytes]:
        """The first line.

        Raises:
            LabctlError: the guest did not send it.
        """
        if self._head is None:
            raise LabctlError("the guest did not say what it sends")
        return self._head

    def write(self, data: bytes, /) -> None:
        """Take some of it.

        Raises:
            LabctlError: it is more than the limit, or does not begin as it should.
        """
        if self._head is None:
            self._begun += data
            if b"\n" not in self._begun[:HEAD_BYTES] and len(self._begun) < HEAD_BYTES:
                return
            self._head = self._pattern.match(self._begun)
            self._begin(self.head)
            data = self._begun[self.head.end() :]
        self._left -= len(data)
        if self._left < 0:
            raise LabctlError(f"the guest sends more than {format_size(self._limit)}", hint=self._hint)
        self._take(data)

    def flush(self) -> None:
        """Nobody looks at it before all is there."""
