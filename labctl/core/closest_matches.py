"""What a misspelt word may have been."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def closest_matches(word: str, known: Iterable[str], count: int = 1, cutoff: float = 0.6) -> list[str]:
    """The known words that are like it, the likest first; `cutoff` from 0, anything, to 1, the same."""
    return get_close_matches(word, list(known), count, cutoff)
