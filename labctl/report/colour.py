"""ANSI colours for texts. Colours only repeat what the words say."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from labctl.core.record import record


@record
class Paint:
    """Colours text if `enabled`, else returns it as it is."""

    enabled: bool = False

    @classmethod
    def on_stdout(cls, *, allowed: bool = True) -> Paint:
        return cls.on(sys.stdout, allowed=allowed)

    @classmethod
    def on(cls, stream: TextIO, *, allowed: bool = True) -> Paint:
        """Enabled if the stream is a terminal with colours and `allowed` is set."""
        return cls(allowed and stream.isatty() and os.environ.get("TERM") != "dumb")

    def red(self, text: str) -> str:
        return self._wrap("31", text)

    def green(self, text: str) -> str:
        return self._wrap("32", text)

    def yellow(self, text: str) -> str:
        return self._wrap("33", text)

    def bold(self, text: str) -> str:
        return self._wrap("1", text)

    def dim(self, text: str) -> str:
        return self._wrap("2", text)

    def _wrap(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.enabled else text
