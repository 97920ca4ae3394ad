"""Calls of libvirt at the same time, never more of them than one connection takes."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
R = TypeVar("R")


class CallsInFlight:
    """The calls that are under way on one connection."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._free = threading.Semaphore(most)

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call the function, as soon as fewer than the most calls are under way."""
        with self._free:
            return function(*args)

    def each(self, objects: Iterable[T], work: Callable[[T], R]) -> list[R]:
        """What `work` gives for each of the objects, in their order.

        It is called for all, also where it fails for some of them; then the first of the errors is raised.
        A function that `call` runs may do this: its own thread works too, and others help as far as calls are free.
        So nothing is waited for that another such function holds.
        """
        waiting, given, errors = deque(enumerate(objects)), dict[int, R](), list[BaseException]()

        def work_off() -> None:
            while True:
                try:
                    place, one = waiting.popleft()
                except IndexError:
                    return
                try:
                    given[place] = work(one)
                except BaseException as error:  # noqa: BLE001  # the caller's thread raises it
                    errors.append(error)

        helpers = [
            threading.Thread(target=self._help, args=(work_off,), name="libvirt")
            for _ in range(min(len(waiting), self._most) - 1)
            if self._free.acquire(blocking=False)
        ]
        for helper in helpers:
            helper.start()
        work_off()
        for helper in helpers:
            helper.join()
        if errors:
            raise errors[0]
        return [given[place] for place in range(len(given))]

    def _help(self, work_off: Callable[[], None]) -> None:
        """Work with a call that is taken already, and give it back."""
        try:
            work_off()
        finally:
            self._free.release()
