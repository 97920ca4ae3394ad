"""Draws a lab as text for a terminal: a bar for each network, its VMs below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.lifecycle import State
from labctl.core.record import record
from labctl.report.colour import Paint
from labctl.report.drawing import Port
from labctl.report.statustext import STATES
from labctl.report.table import GAP, filled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labctl.report.drawing import Box, Drawing, Wire

WIDTH = 80  # of a drawing that goes elsewhere than to a terminal
WIDEST = 100  # of a bar


@record
class Signs:
    """The characters of a drawing."""

    bar: str
    dashed: str
    branch: str
    last: str
    more: str
    running: str
    idle: str


LINES = Signs("━", "╌", "├─", "└─", "│ ", "●", "○")
ASCII = Signs("=", "-", "|-", "`-", "| ", "*", "o")


def signs(encoding: str | None) -> Signs:
    """Those that a stream of this encoding can show."""
    try:
        f"{LINES.bar}{LINES.dashed}{LINES.branch}{LINES.last}{LINES.running}{LINES.idle}".encode(
            encoding or "ascii"
        )
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return LINES


@record
class Style:
    """How a drawing looks. Lines are at most `width` columns where names leave room for that."""

    paint: Paint = Paint()
    width: int = WIDTH
    signs: Signs = LINES


PLAIN = Style()


def render(drawing: Drawing, style: Style = PLAIN) -> str:
    names = max((len(box.name) for box in drawing.boxes), default=0)
    states = max((len(box.words) for box in drawing.boxes), default=0)
    sketcher = _Sketcher(style.paint, style.width, names, states, style.signs)
    blocks = [sketcher.network(wire, drawing.on(wire)) for wire in drawing.wires]
    if alone := [(box, Port("")) for box in drawing.boxes if not box.ports]:
        blocks.append([style.paint.bold("on no network"), *sketcher.vms(alone)])
    return "\n\n".join("\n".join(block) for block in blocks)


@record
class _Sketcher:
    """`names` and `states` are the widths of the longest ones."""

    paint: Paint
    columns: int
    names: int
    states: int
    signs: Signs

    def network(self, wire: Wire, plugged: Sequence[tuple[Box, Port]]) -> list[str]:
        outside = [] if wire.own else ["outside the lab"]
        state = [] if wire.state == "up" else [wire.state]
        facts = filled([*outside, *filter(None, wire.facts), *state], self.columns - GAP)
        lines = [self.paint.bold(wire.name)]
        if len(wire.name) + GAP + len(facts[0]) <= self.columns:
            lines[0] = f"{lines[0]}{' ' * GAP}{facts.pop(0)}".rstrip()
        lines += (f"{' ' * GAP}{each}" for each in facts)
        bar = (self.signs.dashed if wire.state == "absent" else self.signs.bar) * min(self.columns, WIDEST)
        return [*lines, bar if wire.state == "up" else self.paint.dim(bar), *self.vms(plugged)]

    def vms(self, plugged: Sequence[tuple[Box, Port]]) -> Iterator[str]:
        """A line for each VM; what has no room beside its name stands below."""
        for at, (box, port) in enumerate(plugged):
            last = at == len(plugged) - 1
            branch, more = (self.signs.last, "  ") if last else (self.signs.branch, self.signs.more)
            colour = getattr(self.paint, STATES.get(box.state, "dim"))
            sign = colour(self.signs.running if box.state == State.RUNNING else self.signs.idle)
            head = f"{branch} {sign} {self.paint.bold(box.name)}"
            addresses = [*port.addresses, *(["link down"] if port.down else [])]
            indent = 5 + self.names + GAP
            if indent + self.states + GAP + max(map(len, addresses), default=0) < self.columns:
                beside = filled(addresses, self.columns - indent - self.states - GAP)
                gap, state = " " * (self.names - len(box.name) + GAP), f"{box.words:<{self.states + GAP}}"
                yield f"{head}{gap}{colour(state) if beside[0] else colour(box.words)}{beside[0]}"
                rest = indent + self.states + GAP
                yield from (f"{more}{' ' * (rest - len(more))}{line}" for line in beside[1:])
            else:
                yield head
                yield f"{more}   {colour(box.words)}"
                yield from (f"{more}   {line}" for line in addresses)
