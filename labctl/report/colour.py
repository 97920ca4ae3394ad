"""ANSI colours for texts. Colours only repeat what the words say.

Texts hold words of others, which must not reach a terminal as codes. So `Paint` writes a seal in place of the escape
character, which nobody outside this process can know, and `report.screen` makes codes of it after it has escaped all
others.
"""

from __future__ import annotations

import os
import sys
from typing import TextIO

from labctl.core.record import record

_SEAL = f"<{os.urandom(8).hex()}>"
_ESCAPE = "\x1b["
_HUES = ("36", "33", "32", "35", "34", "96", "93", "92", "95", "94")  # no red: that means an error


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

    def hue(self, number: int, text: str) -> str:
        """One of ten colours, to tell things apart."""
        return self._wrap(_HUES[number % len(_HUES)], text)

    def _wrap(self, code: str, text: str) -> str:
        return f"{_SEAL}{code}m{text}{_SEAL}0m" if self.enabled else text


def unsealed(text: str) -> str:
    """The text with the codes of its colours."""
    return text.replace(_SEAL, _ESCAPE)
