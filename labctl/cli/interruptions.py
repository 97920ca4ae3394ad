"""What Ctrl-C and SIGTERM do."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
REACTION_S = 1.0  # in which Python deals with a signal where it can
# One to a group of processes comes twice inside a user's own libvirt: the process outside is of the group, and passes
# its own on. Nobody asks twice as fast as that.
TWICE_S = 0.1


class _Heard:
    """When signals came, on the monotonic clock, and what is done where nobody reacts."""

    at = -REACTION_S  # when a run that changes something was last asked to end
    # by signal, when its last request began: what follows within TWICE_S is the double of that
    first: dict[int, float] = {}  # noqa: RUF012
    leave: Callable[[], object] | None = None  # how to end the process where nobody reacts


def end_by(leave: Callable[[], object]) -> None:
    """Say how the process ends where nobody reacts to a signal, once `watch` is called."""
    _Heard.leave = leave


@contextmanager
def asking(stop: Callable[[], bool]) -> Iterator[None]:
    """Have a signal ask a run to end while the block runs.

    `stop` asks it, and says whether the run is changing something. One that is not ends as every Python program does.
    """

    def ask(number: int, _frame: FrameType | None) -> None:
        if _since(number) < TWICE_S:
            return
        _Heard.first[number] = time.monotonic()
        if not stop():
            raise KeyboardInterrupt
        _Heard.at = time.monotonic()

    before = {number: signal.signal(number, ask) for number in SIGNALS}
    try:
        yield
    finally:
        time.sleep(max(0.0, TWICE_S - min(map(_since, SIGNALS))))  # or its double met another handler
        for number, handler in before.items():
            signal.signal(number, handler)


def _since(number: int) -> float:
    """The seconds since a request by this signal began."""
    return time.monotonic() - _Heard.first.get(number, -TWICE_S)


@contextmanager
def until_interrupted(stop: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Have a signal end what goes on until then: of every verb in the same way, as `interrupted`, with 130.

    `stop` is that of `asking`, for what has to clean up.
    """
    with asking(stop):
        yield


def watch() -> None:
    """Let a signal end a run whose main thread hangs in a call to libvirt, which Python's own handlers wait for.

    This starts a thread, in which the process ends where nobody reacted. It is called once the process is where it
    stays: only a process with one thread can go inside a user's own libvirt.
    """
    leave, _Heard.leave = _Heard.leave, None
    if leave is None:
        return  # it watches already, or this is no process of labctl's own
    receiver, sender = os.pipe()
    os.set_blocking(sender, False)
    signal.set_wakeup_fd(sender, warn_on_full_buffer=False)

    def wait() -> None:
        while True:
            number = os.read(receiver, 1)[0]
            came = time.monotonic()
            time.sleep(REACTION_S)  # much longer on a machine that is busy
            if number in SIGNALS and _Heard.at < came - REACTION_S:
                leave()

    threading.Thread(target=wait, name="interruptions", daemon=True).start()
