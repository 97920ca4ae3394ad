"""How far a copy is, on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TextIO

from labctl.core.text import clipped, printable

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress

NAME_CHARS = 40


class Transfer:
    """A line with a bar while the block runs, which goes at its end; nothing where it is not `enabled`."""

    def __init__(self, stream: TextIO, *, enabled: bool) -> None:
        self._progress = _made(stream) if enabled else None
        self._tasks: dict[str, int] = {}

    def __enter__(self) -> Self:
        if self._progress:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress:
            self._progress.stop()

    def __call__(self, name: str, done: int, of: int) -> None:
        """Show that so many bytes are there; `of` is 0 where nobody knows how many there will be."""
        from rich.progress import TaskID

        if self._progress is None:
            return
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(
                printable(clipped(name, NAME_CHARS)), total=of or None
            )
        self._progress.update(TaskID(self._tasks[name]), completed=done)


def _made(stream: TextIO) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
    )
    return Progress(*columns, console=Console(file=stream, force_terminal=True), transient=True)
