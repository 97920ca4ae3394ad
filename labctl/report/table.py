"""An aligned table, no wider than the screen. rich has tables too, but takes too long to import for `labctl status`."""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from labctl.report.wrap import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labctl.report.colour import Paint

    Cell = str | Sequence[str]  # one text, or several that may be on lines of their own

GAP = 2


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]], paint: Paint, width: int | None = None) -> str:
    """The lines of a table, with its head in capitals.

    If the table is wider than `width`, cells with several texts take several lines, and if that does not suffice, they
    stand below their row. Nothing is cut off. A `width` of None sets no limit. Without rows the head is all.
    """
    head = [cell.upper() for cell in head]
    grid = [[(cell,) if isinstance(cell, str) else tuple(cell) or ("-",) for cell in row] for row in rows]
    columns = [list(column) for column in zip(*grid, strict=True)]
    lists = [at for at in range(len(head)) if any(not isinstance(row[at], str) for row in rows)]
    rooms = [max(len(", ".join(cell)) for cell in column) for column in columns]
    if width is not None:
        gaps = GAP * (len(head) - 1)
        _shrink(rooms, {at: _least(columns[at]) for at in lists}, width - gaps, [len(each) for each in head])
    filled_rows = [[filled(cell, room) for cell, room in zip(row, rooms, strict=True)] for row in grid]
    first, *lines = _aligned(head, filled_rows)
    if width is not None and lists and max(map(len, (first, *lines))) > width:
        first, *lines = _stacked(head, grid, lists, paint, width)
    return "\n".join([paint.bold(first), *lines])


def _least(column: Sequence[Sequence[str]]) -> int:
    """The width of the longest text of a column, with the comma that may follow it."""
    return max(len(text) + 1 for cell in column for text in cell)


def _shrink(rooms: list[int], least: dict[int, int], width: int, heads: Sequence[int]) -> None:
    """Narrow the widest columns, down to `least` of each, until the table fits `width`."""
    while sum(map(max, rooms, heads)) > width and (able := [at for at in least if rooms[at] > least[at]]):
        rooms[max(able, key=lambda at: rooms[at])] -= 1


def _aligned(head: Sequence[str], rows: Sequence[Sequence[Sequence[str]]]) -> list[str]:
    """The lines of a table, each cell of which is a list of lines."""
    columns = zip(head, *rows, strict=True)
    widths = [max(map(len, [name, *chain.from_iterable(cells)])) for name, *cells in columns]
    lines = [cells for row in rows for cells in zip_longest(*row, fillvalue="")]
    return [_line(cells, widths) for cells in (head, *lines)]


def filled(texts: Iterable[str], room: int) -> list[str]:
    """Join texts with commas into lines of at most `room` columns. A longer text has lines of its own."""
    lines = [""]
    for each in texts:
        text, *rest = wrapped([each], "", room)
        if lines[-1] and len(lines[-1]) + 2 + len(text) > room:
            lines[-1] += ","
            lines.append(text)
        else:
            lines[-1] += f", {text}" if lines[-1] else text
        lines += rest
    return lines


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return (" " * GAP).join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _stacked(
    head: Sequence[str],
    grid: Sequence[Sequence[Sequence[str]]],
    lists: Sequence[int],
    paint: Paint,
    width: int,
) -> list[str]:
    """The lines of a table in which cells of the columns `lists` stand below their row, with the column's name."""
    plain = [at for at in range(len(head)) if at not in lists]
    first, *tops = _aligned([head[at] for at in plain], [[row[at] for at in plain] for row in grid])
    column = max(len(head[at]) for at in lists)
    lines = [first]
    for row, top in zip(grid, tops, strict=True):
        lines.append(top)
        for at in lists:
            names = [head[at].lower()] if row[at] != ("-",) else []
            below = filled(row[at], width - column - 2 * GAP) if names else []
            lines += [
                f"{'':{GAP}}{paint.dim(f'{name:<{column}}')}{'':{GAP}}{text}"
                for name, text in zip_longest(names, below, fillvalue="")
            ]
    return lines
