"""Requests that a run ends before it has done everything."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Stop:
    """Requests that one run ends. The first request ends it after the calls in flight, a second request at once.

    Any thread may request it, and so may a signal handler: hence there is no lock. A run that gets a request before its
    first change makes no change.
    """

    def __init__(self) -> None:
        self._asked = 0
        self._listener: Callable[[], object] | None = None

    def ask(self) -> bool:
        """Request the end. Gives whether a run is changing the lab now and got the request."""
        self._asked += 1
        listener = self._listener
        if listener is not None:
            listener()
        return listener is not None

    @property
    def asked(self) -> bool:
        return self._asked > 0

    @property
    def at_once(self) -> bool:
        return self._asked > 1

    @contextmanager
    def heard_by(self, listener: Callable[[], object]) -> Iterator[None]:
        """Call the listener at each request while the block runs, in the thread that makes the request."""
        self._listener = listener
        if self.asked:
            listener()
        try:
            yield
        finally:
            self._listener = None
