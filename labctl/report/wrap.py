"""Wraps texts to the width of the screen. Nothing is cut off."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable

NARROWEST = 20  # lines are not broken any shorter than this
_WORDS = re.compile(
    r"(?:`[^`]*`|[^ `]|`)+"
)  # a command between backticks is one word: broken, it could not be pasted


def width(stream: TextIO) -> int | None:
    """The columns of the terminal; None if the stream is none, since readers of a pipe want unbroken lines."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):  # not a terminal, or not a file
        return None


def at_spaces(text: str, room: int | None) -> str:
    """Break lines of a message that are longer than `room` columns; what goes on is indented as its line is."""
    if room is None:
        return text
    return "\n".join(_at_spaces(line, max(room, NARROWEST)) for line in text.split("\n"))


def _at_spaces(line: str, room: int) -> str:
    if len(line) <= room:
        return line
    indent = line[: len(line) - len(line.lstrip(" "))]
    lines = [indent]
    for word in _WORDS.findall(line):
        if lines[-1] == indent:
            lines[-1] += word
        elif len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(indent + word)
    return "\n".join(lines)


def wrapped(parts: Iterable[str], between: str, room: int | None) -> list[str]:
    """Join parts with `between` into lines of at most `room` columns; None sets no limit.

    A line ends before a `between`, which begins the next line. A part that is too long for a line is broken at spaces.
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
