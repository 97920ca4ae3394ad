"""Consecutive names as a span: `web-1 … web-30`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labctl.core.address import natural, numbered

if TYPE_CHECKING:
    from collections.abc import Iterable

_NUMBER = re.compile(r"[0-9]+")
_QUAD = re.compile(r"[0-9]+(\.[0-9]+){3}")
FEW = 3  # up to so many are written out


def spans(names: Iterable[str]) -> str:
    """Write names in their natural order; more than `FEW` in a row by the first and the last of them."""
    runs: list[list[str]] = []
    for name in sorted(names, key=natural):
        if runs and follows(runs[-1][-1], name):
            runs[-1].append(name)
        else:
            runs.append([name])
    return ", ".join(f"{run[0]} … {run[-1]}" if len(run) > FEW else ", ".join(run) for run in runs)


def follows(one: str, next_: str) -> bool:
    """Whether an address is the next one, or two names are alike but for one number, which is by one higher."""
    if ":" in one or _QUAD.fullmatch(one):
        (length, a), (other, b) = numbered(one), numbered(next_)
        return length > 0 and (other, b) == (length, a + 1)
    if pattern(one) != pattern(next_):
        return False
    pairs = zip(*(map(int, _NUMBER.findall(each)) for each in (one, next_)), strict=True)
    return [b - a for a, b in pairs if a != b] == [1]


def pattern(name: str) -> str:
    """What names have in common that are alike but for numbers."""
    return _NUMBER.sub("#", name)
