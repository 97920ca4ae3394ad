"""Durations as people write them: `30s`, `5m`, `1.5h`, `1h30m`."""

from __future__ import annotations

import re

_SECONDS = {
    "d": 86_400.0,
    "h": 3600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 0.001,
}  # in the order in which they are written
_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,6})?"
_DURATION = re.compile("".join(rf"(?:({_NUMBER}){unit})?" for unit in _SECONDS))


def parse_duration(text: str) -> float:
    """The seconds of a duration.

    Raises:
        ValueError: the text is none.
    """
    found = _DURATION.fullmatch(text)
    if not (found and text):
        raise ValueError(f"{text} is no duration such as 30s, 5m or 1h")
    units = zip(found.groups(), _SECONDS.values(), strict=True)
    return sum(float(number) * seconds for number, seconds in units if number)
