"""Writes consecutive names as a span: `web-1 … web-30`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labctl.core.address import address_value, natural_sort_key

if TYPE_CHECKING:
    from collections.abc import Iterable

_NUMBER = re.compile(r"[0-9]+")
_QUAD = re.compile(r"[0-9]+(\.[0-9]+){3}")
FEW = 3  # consecutive names up to this number are written out


def spans(names: Iterable[str]) -> str:
    """List names in natural order. More than `FEW` consecutive ones become a span from the first to the last."""
    runs: list[list[str]] = []
    for name in sorted(names, key=natural_sort_key):
        if runs and follows(runs[-1][-1], name):
            runs[-1].append(name)
        else:
            runs.append([name])
    return ", ".join(f"{run[0]} … {run[-1]}" if len(run) > FEW else ", ".join(run) for run in runs)


def follows(one: str, next_: str) -> bool:
    """Whether `next_` follows `one`: the next IP address or MAC, or the same name with one number higher by 1."""
    if ":" in one or _QUAD.fullmatch(one):
        (length, a), (other, b) = address_value(one), address_value(next_)
        if length:
            return (other, b) == (length, a + 1)
    if pattern(one) != pattern(next_):
        return False
    pairs = zip(*(map(int, _NUMBER.findall(each)) for each in (one, next_)), strict=True)
    return [b - a for a, b in pairs if a != b] == [1]


def pattern(name: str) -> str:
    """The name with each number replaced by `#`. Names that differ in numbers alone have the same pattern."""
    return _NUMBER.sub("#", name)
