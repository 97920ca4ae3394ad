"""Lines no wider than the screen; nothing is ever cut off."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable

NARROWEST = 20  # with less room a text has a word a line


def width(stream: TextIO) -> int | None:
    """The columns of the terminal; None where there is none: whoever reads a pipe gets whole lines."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):  # no terminal; no file at all
        return None


def wrapped(parts: Iterable[str], between: str, room: int | None) -> list[str]:
    """Lay parts out in lines of this length; None is endless.

    A line ends before `between`, which begins the next, and only where a part alone has no room at one of its spaces.
    """
    lines: list[str] = []
    for part in parts:
        text = f"{between} {part}" if lines else part
        if lines and (room is None or len(lines[-1]) + 1 + len(text) <= room):
            lines[-1] += f" {text}"
        else:
            lines += _broken(text, room)
    return lines


def _broken(text: str, room: int | None) -> list[str]:
    if room is None or len(text) <= room:
        return [text]
    from textwrap import wrap

    return wrap(text, max(room, NARROWEST), break_long_words=False, break_on_hyphens=False)
