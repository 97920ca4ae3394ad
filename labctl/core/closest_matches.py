"""Finds known words that are similar to a misspelt one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def closest_matches(word: str, known: Iterable[str], count: int = 1, cutoff: float = 0.6) -> list[str]:
    """The most similar known words, best first; `cutoff` is the least similarity, from 0 (any word) to 1 (equal)."""
    return get_close_matches(word, list(known), count, cutoff)
