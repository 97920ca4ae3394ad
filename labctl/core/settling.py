"""Waits until changes have settled: an editor, or `git checkout`, makes several in a row."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

T = TypeVar("T", bound="Hashable")

QUIET_S, LONGEST_S = 0.3, 3.0


class Settling(Generic[T]):
    """Collects changes until there was none for a moment, or the first of them is some seconds old."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed: dict[T, None] = {}
        self._first = self._last = 0.0

    def add(self, what: T) -> None:
        self._last = self._clock()
        if not self._changed:
            self._first = self._last
        self._changed[what] = None

    def left(self) -> float | None:
        """The seconds until the changes count as settled; None without changes."""
        if not self._changed:
            return None
        due = min(self._last + QUIET_S, self._first + LONGEST_S)
        return max(0.0, due - self._clock())

    def take(self) -> tuple[T, ...]:
        """The changes, each once, in their order; none are left."""
        taken, self._changed = tuple(self._changed), {}
        return taken
