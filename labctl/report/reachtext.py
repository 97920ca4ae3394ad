"""The text of what a lab reaches of the host beyond its own folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.report.colour import Paint
from labctl.report.wrap import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labctl.core.host_reach import HostReach

HEAD = "reaches the host:"


def listed(
    reaches: Iterable[HostReach], paint: Paint | None = None, width: int | None = None
) -> Iterator[str]:
    """For each reach its thing, then its origin with the reason; `!` stands before those that need a yes."""
    paint, reaches = paint or Paint(), list(reaches)
    column = max((len(each.deed) for each in reaches), default=0)
    indent = " " * (4 + column + 2)
    room = None if width is None else width - len(indent)
    for each in reaches:
        sign = "   " if each.trusted else paint.red("  !")
        first, *rest = wrapped([each.shown], "", room)
        yield f"{sign} {each.deed:<{column}}  {paint.bold(first)}"
        yield from (indent + paint.bold(line) for line in rest)
        state = "you said yes to it" if each.trusted else "new"
        for line in wrapped([f"{each.origin} ({state})"], "", room):
            yield indent + paint.dim(line)
