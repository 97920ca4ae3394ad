"""Finds known words that are similar to a misspelt one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# The time for a comparison grows with the square of the length.
_LONGEST = 64
_MOST = 500


def closest_matches(word: str, known: Iterable[str], count: int = 1, cutoff: float = 0.6) -> list[str]:
    """The most similar known words, best first; `cutoff` is the least similarity, from 0 (any word) to 1 (equal)."""
    if len(word) > _LONGEST:
        return []
    names = [each for each in known if len(each) <= _LONGEST]
    if len(names) > _MOST:  # most typing errors change a letter or two
        names = [each for each in names if abs(len(each) - len(word)) <= 1 and each[:1] == word[:1]][:_MOST]
    return get_close_matches(word, names, count, cutoff)
