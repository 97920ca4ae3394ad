"""A text that is drawn anew where it stands, on a terminal; elsewhere each new one follows the last."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from labctl.core.text import LINES, printable
from labctl.report import screen
from labctl.report.colour import unsealed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def redrawn(stream: TextIO, *, colour: bool) -> Iterator[Callable[[str], None]]:
    """A function that shows a text in place of the one before. The last one stays when the block ends."""
    if not stream.isatty() or os.environ.get("TERM") == "dumb":
        yield _Blocks(stream)
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=stream, no_color=not colour, highlight=False, emoji=False, markup=False)
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:

        def show(text: str) -> None:
            safe = unsealed(printable(text, LINES))
            live.update(Text.from_ansi(safe, no_wrap=True, overflow="crop"), refresh=True)

        yield show


class _Blocks:
    """Writes each text that is another than the last, with an empty line between two."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: str | None = None

    def __call__(self, text: str) -> None:
        if text != self._last:
            screen.write(self._stream, f"{text}\n" if self._last is None else f"\n{text}\n")
        self._last = text
