"""How a run is asked to end before it has done everything."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Stop:
    """Asks one run to end: asked once, after the calls in flight; asked again, at once.

    Any thread may ask, and so may the handler of a signal: hence no lock. A run that is asked before its first change
    ends there.
    """

    def __init__(self) -> None:
        self._asked = 0
        self._listener: Callable[[], object] | None = None

    def ask(self) -> bool:
        """Ask; gives whether a run is changing something, which has heard it."""
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
        """Call the listener, in the thread of whoever asks, each time that the run is asked while the block runs."""
        self._listener = listener
        if self.asked:
            listener()
        try:
            yield
        finally:
            self._listener = None
