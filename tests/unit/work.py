"""Counted work: machines are shared, so what a test says of speed is how much is done, not how long it takes."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def lines(function: Callable[[], object]) -> int:
    """How many lines of Python it runs."""
    count = 0

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count
