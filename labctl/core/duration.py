"""Durations as people write them: `30s`, `5m`, `1.5h`."""

from __future__ import annotations

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)(ms|s|m|h)")


def parse_duration(text: str) -> float:
    """The seconds of a duration.

    Raises:
        ValueError: the text is none.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text} is no duration such as 30s, 5m or 1h")
    return float(found[1]) * _SECONDS[found[2]]
