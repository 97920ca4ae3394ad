"""Tables with coloured states, for `labctl status` and `labctl list`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labctl.core.lifecycle import State
from labctl.report.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.report.colour import Paint
    from labctl.report.table import Cell

STATES = {
    State.RUNNING: "green",
    State.PAUSED: "yellow",
    State.SAVED: "yellow",
    State.CRASHED: "red",
    State.OFF: "dim",
    "absent": "dim",
}
_STATE = rf"(?<=  )({'|'.join(STATES)})(?=  )"


def coloured(head: Sequence[str], rows: Sequence[Sequence[Cell]], paint: Paint, width: int | None) -> str:
    """An aligned table in which the states are coloured. Colouring comes last: its codes have no width."""
    text = table(head, rows, paint, width)
    if not paint.enabled:
        return text
    first, *rest = text.split("\n")
    return "\n".join(
        [
            first,
            *(re.sub(_STATE, lambda m: getattr(paint, STATES[m[1]])(m[1]), line, count=1) for line in rest),
        ]
    )
