"""Calls of libvirt for several objects at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from labctl.host.libvirt.connection import CALLS_IN_FLIGHT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


def each(objects: Iterable[T], work: Callable[[T], object]) -> None:
    """Call `work` for all objects, also where it fails for some of them; then raise the first of the errors."""
    with ThreadPoolExecutor(CALLS_IN_FLIGHT, thread_name_prefix="libvirt") as pool:
        calls = [pool.submit(work, one) for one in objects]
        wait(calls)
    for call in calls:
        call.result()
