"""Writes a drawing of a lab in Mermaid's language: https://mermaid.js.org/syntax/flowchart.html."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from labctl.core.text import clipped, printable
from labctl.report.dot import COLOURS, LONGEST

if TYPE_CHECKING:
    from labctl.report.drawing import Drawing, Wire

_PLAIN = re.compile(r"[A-Za-z0-9 .,:/_()-]")
_CLASSES = {"ready": "running", "running": "running", "running, not ready": "booting"}


def render(drawing: Drawing) -> str:
    wires = {wire.name: f"net{at}" for at, wire in enumerate(drawing.wires)}
    lines = ["flowchart LR", f"  %% lab {_comment(drawing.lab)}"]
    lines += [f'  {wires[wire.name]}(["{_wire(wire)}"]):::{_kind(wire)}' for wire in drawing.wires]
    for at, box in enumerate(drawing.boxes):
        lines.append(
            f'  vm{at}["{escaped(box.name)}<br/>{escaped(box.words)}"]:::{_CLASSES.get(box.words, box.state)}'
        )
        for port in box.ports:
            arrow = "-.-" if port.down or box.state == "absent" else "---"
            label = "<br/>".join(map(escaped, [*port.addresses, *(["link down"] if port.down else [])]))
            lines.append(f"  {wires[port.network]} {arrow}" + (f'|"{label}"|' if label else "") + f" vm{at}")
    return "\n".join([*lines, *_styles()])


def escaped(text: str) -> str:
    """A text within quotes: everything but plain characters is written as a number, as `#35;`."""
    return "".join(
        each if _PLAIN.match(each) else f"#{ord(each)};" for each in printable(clipped(text, LONGEST))
    )


def _comment(text: str) -> str:
    return "".join(filter(_PLAIN.match, clipped(text, LONGEST)))


def _wire(wire: Wire) -> str:
    outside = [] if wire.own else ["outside the lab"]
    state = [] if wire.state == "up" else [wire.state]
    return "<br/>".join(map(escaped, filter(None, [wire.name, *outside, *wire.facts, *state])))


def _kind(wire: Wire) -> str:
    return {"up": "network", "down": "off"}.get(wire.state, "absent")


def _styles() -> list[str]:
    named = {
        "running": COLOURS["ready"],
        "booting": COLOURS["running, not ready"],
        **{state: COLOURS[state] for state in ("paused", "saved", "off", "crashed")},
        "network": ("#3c5a80", "#22344d", "#ffffff"),
    }
    lines = [
        f"  classDef {name} fill:{fill},stroke:{line},color:{text}"
        for name, (fill, line, text) in named.items()
    ]
    return [*lines, "  classDef absent fill:#ffffff,stroke:#999999,color:#666666,stroke-dasharray:4"]
