"""Runs coroutines from code that is not asynchronous."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


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
