"""Sends the events of a lab's runs to several sinks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from labctl.core.events import (
    ConsoleLine,
    Finished,
    StepDone,
    StepFailed,
    StepOutput,
    StepProgress,
    StepSkipped,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.core.events import Event, Sink


class EventStream:
    """A sink that passes each event on to all sinks that have joined.

    A sink that joins during a run, or after it, first gets the events of that run so far, but only the latest progress
    of each step, and no output. Events come from several threads; each sink gets them one at a time.

    A sink that raises an error gets no further events. The run and the other sinks go on; `raise_broken` raises the
    error later.
    """

    def __init__(self, sinks: Iterable[Sink] = ()) -> None:
        self._sinks = list(sinks)
        self._lock = threading.RLock()  # a sink may join another one
        self._past: list[Event] = []
        self._progress: dict[str, StepProgress] = {}  # the latest of each running step, by address
        self._broken: list[Exception] = []

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._remember(event)
            for sink in tuple(self._sinks):
                self._pass_on(sink, event)

    def join(self, sink: Sink) -> None:
        with self._lock:
            self._sinks.append(sink)
            for event in self.so_far:
                self._pass_on(sink, event)

    def leave(self, sink: Sink) -> None:
        """Remove a sink. One that is already removed, by itself or for its error, is ignored."""
        with self._lock:
            self._sinks = [each for each in self._sinks if each is not sink]

    @property
    def so_far(self) -> tuple[Event, ...]:
        """The events that a sink gets when it joins now."""
        with self._lock:
            return (*self._past, *self._progress.values())

    def raise_broken(self) -> None:
        """Raise the error of the first sink that had one since the last call.

        Raises:
            Exception: the error of that sink.
        """
        with self._lock:
            broken, self._broken = self._broken, []
        if broken:
            raise broken[0]

    def _remember(self, event: Event) -> None:
        if self._past and isinstance(self._past[-1], Finished):  # another run begins
            self._past = []
        if isinstance(event, StepOutput | ConsoleLine):
            return  # a guest may write for ever
        if isinstance(event, StepProgress):
            self._progress[event.address] = event
            return
        if isinstance(event, StepDone | StepFailed | StepSkipped):
            self._progress.pop(event.address, None)
        if isinstance(event, Finished):
            self._progress = {}
        self._past.append(event)

    def _pass_on(self, sink: Sink, event: Event) -> None:
        try:
            sink(event)
        except Exception as error:  # noqa: BLE001  # a sink may raise any error, and must not end the run
            self.leave(sink)
            self._broken.append(error)
