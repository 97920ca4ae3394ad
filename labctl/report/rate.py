"""How fast a transfer runs and how long it still takes, measured over the last seconds."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from labctl.report.phrases import seconds

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW_S = 10.0
ENOUGH_S = 1.0  # a rate over less time says nothing


class Rate:
    """The rate of one step. It starts anew when the step turns to another piece of work."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._work = ""
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, work: str, done: int) -> None:
        """Record that `done` bytes of `work` are done, counted from its start."""
        now, samples = self._clock(), self._samples
        if work != self._work or not samples or done < samples[-1][1]:
            self._work, samples = work, deque()
        samples.append((now, done))
        while len(samples) > 2 and samples[1][0] < now - WINDOW_S:
            samples.popleft()
        self._samples = samples  # set last: another thread may draw meanwhile, and needs a sample

    def text(self, total: int) -> str:
        """`11.2MiB/s, 29 s left`; without the time left if `total` is 0, and empty while too little is known."""
        samples = self._samples
        if not samples:
            return ""
        (since, before), (_, done) = samples[0], samples[-1]
        passed = self._clock() - since  # up to now, so that a stalled transfer gets slower
        if passed < ENOUGH_S or done <= before:
            return ""
        speed = (done - before) / passed
        return _speed(speed) + (f", {_left((total - done) / speed)} left" if total > done else "")


def _speed(value: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if value < 1000:
            return f"{value:.1f}{unit}/s"
        value /= 1024
    return f"{value:.1f}GiB/s"


def _left(value: float) -> str:
    if value >= 100 * 3600:
        return "days"
    return seconds(value) if value >= 100 else f"{value:.0f} s"
