"""Runs coroutines: from code that is not asynchronous, and two of which one may end the other."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

T = TypeVar("T")
U = TypeVar("U")


def run(coroutine: Coroutine[object, object, T]) -> T:
    """Run a coroutine in its own event loop, and give its result.

    The caller may itself be called from a coroutine. A thread can run one event loop only, so the new loop then gets
    its own thread. Meanwhile the caller's loop is blocked, unless the caller uses `asyncio.to_thread`.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1, thread_name_prefix="labctl") as thread:
        return thread.submit(asyncio.run, coroutine).result()


@asynccontextmanager
async def side_by_side(
    one: Coroutine[Any, Any, T], other: Coroutine[Any, Any, U]
) -> AsyncIterator[tuple[asyncio.Task[T], asyncio.Task[U]]]:
    """Run both, and the block once the first of them has ended. What still runs after the block is cancelled."""
    tasks = asyncio.create_task(one), asyncio.create_task(other)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Stoppable(Generic[T]):
    """A coroutine that may be ended while it runs."""

    def __init__(self, coroutine: Coroutine[object, object, T]) -> None:
        self._coroutine = coroutine
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[object] | None = None
        self._stopped = False

    def stop(self) -> bool:
        """End it, from any thread or the handler of a signal; False if it does not run, or was asked to end before."""
        if self._stopped or self._loop is None or self._task is None:
            return False
        self._stopped = True
        self._loop.call_soon_threadsafe(self._task.cancel)
        return True

    def result(self) -> T:
        """Run it, and give its result.

        Raises:
            KeyboardInterrupt: it was asked to end, and has cleaned up.
        """
        try:
            return run(self._noted())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    async def _noted(self) -> T:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        return await self._coroutine
