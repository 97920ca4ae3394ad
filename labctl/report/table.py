"""A plain aligned table; rich's costs more to import than all the rest of `labctl status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.report.colour import Paint


def table(head: Sequence[str], rows: Sequence[Sequence[str]], paint: Paint) -> str:
    """Align the cells; the head is in capitals, the last column is not padded."""
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    lines = [_line([cell.upper() for cell in head], widths)]
    return "\n".join([paint.bold(lines[0]), *(_line(row, widths) for row in rows)])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()
