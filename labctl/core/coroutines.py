"""Running a coroutine to its end from code that is not asynchronous."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


def run(coroutine: Coroutine[object, object, T]) -> T:
    """Run a coroutine in an event loop of its own and give its result.

    The caller may itself be called by a coroutine. A thread can run only one event loop, so then the new one gets a
    thread of its own. The caller's loop stands still meanwhile, unless the caller uses `asyncio.to_thread`.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1, thread_name_prefix="labctl") as thread:
        return thread.submit(asyncio.run, coroutine).result()
