"""The output of several VMs on one stream: whole lines, each behind the name of its VM."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from labctl.core.address import natural_sort_key
from labctl.core.lines import Lines
from labctl.report import screen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labctl.core.plan import Plan
    from labctl.report.colour import Paint


class Prefixed:
    """Takes a VM's output as it arrives, and writes its lines as they end; controls in them are escaped.

    `masked` hides what must not be shown.
    """

    def __init__(self, stream: TextIO, prefix: str, masked: Callable[[str], str]) -> None:
        self._stream, self._prefix, self._masked = stream, prefix, masked
        self._lines = Lines()

    def write(self, data: bytes, /) -> None:
        """Take some of it."""
        self._write(self._lines.feed(data))

    def flush(self) -> None:
        """Only whole lines are passed on."""

    def close(self) -> None:
        """Write what is left, a line without an end."""
        self._write(self._lines.rest())

    def _write(self, lines: Sequence[str]) -> None:
        if lines:
            text = "".join(f"{self._prefix}{self._masked(line)}\n" for line in lines)
            screen.write(self._stream, text)


def of_steps(plan: Plan, paint: Paint) -> dict[str, str]:
    """What stands before the lines that the plan's steps say, as in `labctl logs` and `exec`."""
    named = {name for step in plan.steps if step.after for name in step.after.speakers}
    return prefixes(sorted(named, key=natural_sort_key), paint)


def prefixes(names: Sequence[str], paint: Paint) -> dict[str, str]:
    """What stands before the lines of each VM: its name, in a colour of its own."""
    width = max(map(len, names), default=0)
    return {name: paint.hue(at, f"{name:{width}} | ") for at, name in enumerate(names)}
