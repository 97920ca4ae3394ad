"""Writes a drawing of a lab in Graphviz's language: https://graphviz.org/doc/info/lang.html."""

from __future__ import annotations

import html
from itertools import cycle
from typing import TYPE_CHECKING

from labctl.core.text import clipped, printable
from labctl.report.drawing import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.report.drawing import Box, Drawing, Port, Wire

# fill, line and text by state: the fills differ in lightness too, and the words stand beside them
COLOURS = {
    "ready": ("#c6e8c0", "#2e7d32", "#000000"),
    "running": ("#c6e8c0", "#2e7d32", "#000000"),
    "running, not ready": ("#fff2b3", "#a67c00", "#000000"),
    "paused": ("#d5dff0", "#4a6fa5", "#000000"),
    "saved": ("#d5dff0", "#4a6fa5", "#000000"),
    "off": ("#dddddd", "#777777", "#000000"),
    "crashed": ("#a83232", "#5f1111", "#ffffff"),
}
_ABSENT = ("#ffffff", "#999999", "#666666")
_WIRES = (
    "#3c5a80",
    "#8a4b08",
    "#3f6b2a",
    "#7a3b78",
    "#2a6f6f",
    "#8c3030",
)  # a network has the colour of its lines
_DOWN = ("#dddddd", "#777777", "#000000")
LONGEST = 64  # characters of a name or address: what others made in libvirt may be called anything
_CHAR = 7  # points of an average character


def render(drawing: Drawing) -> str:
    """The text of a digraph: networks at the left, VMs at the right, a line for each NIC."""
    wires = {wire.name: f"net{at}" for at, wire in enumerate(drawing.wires)}
    colours = {
        wire.name: {"up": colour, "down": _DOWN[1]}.get(wire.state, _ABSENT[1])
        for wire, colour in zip(drawing.wires, cycle(_WIRES), strict=False)
    }
    width = max(
        (_width(box) for box in drawing.boxes), default=0
    )  # boxes of one width make lines without bends
    lines = [
        "graph lab {",
        f"  label={quoted(drawing.lab)}; labelloc=t; labeljust=l; fontsize=18;",
        '  rankdir=LR; ordering=out; ranksep=1.2; nodesep=0.18; splines=spline; bgcolor="#ffffff"; pad=0.2;',
        '  fontname="Helvetica";',
        '  node [shape=plain, fontname="Helvetica", fontsize=11];',
        "  edge [penwidth=1.4];",
        *(f"  {wires[wire.name]} [label=<{_wire(wire, colours[wire.name])}>];" for wire in drawing.wires),
    ]
    for at, box in enumerate(drawing.boxes):
        lines.append(f"  vm{at} [label=<{_box(box, width)}>];")
        lines += [f"  {line}" for line in _edges(f"vm{at}", box, wires, colours)]
    column = " ".join(f"vm{at};" for at in range(len(drawing.boxes)))  # also those without a NIC
    return "\n".join([*lines, f"  {{rank=same; {column}}}", "}"])


def quoted(text: str) -> str:
    """A text as a string of the language, in which a backslash would begin a placeholder such as the node's name."""
    return '"' + _shown(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def escaped(text: str) -> str:
    """A text within a label that looks like HTML.

    Graphviz takes a backslash there, also one that is written as an entity, for the begin of a placeholder such as the
    node's name, and has no way to write it: a similar sign stands for it.
    """
    return html.escape(_shown(text)).replace("\\", "\N{SET MINUS}")


def _shown(text: str) -> str:
    return printable(clipped(text, LONGEST))


def _edges(node: str, box: Box, wires: dict[str, str], colours: dict[str, str]) -> Iterator[str]:
    for at, port in enumerate(box.ports):
        style, colour = "dotted" if port.down else "solid", colours[port.network]
        if box.state == ABSENT:
            style, colour = "dashed", _ABSENT[1]
        yield f'{wires[port.network]}:out:e -- {node}:nic{at}:w [style={style}, color="{colour}"];'


def _wire(wire: Wire, colour: str) -> str:
    fill, line, text = {"up": (colour, colour, "#ffffff"), "down": _DOWN}.get(wire.state, _ABSENT)
    facts = [*filter(None, wire.facts)] if wire.own else ["outside the lab", *filter(None, wire.facts)]
    facts += [] if wire.state == "up" else [wire.state]
    rows = [f"<B>{escaped(wire.name)}</B>", *map(escaped, facts)]
    style = "rounded,dashed" if wire.state == ABSENT else "rounded"
    cell = "<BR/>".join(rows)
    return (
        f'<TABLE BORDER="1" CELLBORDER="0" CELLPADDING="6" STYLE="{style}" BGCOLOR="{fill}" COLOR="{line}">'
        f'<TR><TD PORT="out"><FONT COLOR="{text}">{cell}</FONT></TD></TR></TABLE>'
    )


def _box(box: Box, width: int) -> str:
    fill, line, text = COLOURS.get(box.words, _ABSENT)
    style = "rounded,dashed" if box.state == ABSENT else "rounded"
    head = f"<B>{escaped(box.name)}</B>  {escaped(box.words)}"
    rows = [f'<TR><TD ALIGN="LEFT"><FONT COLOR="{text}">{head}</FONT></TD></TR>']
    rows += [
        f'<TR><TD ALIGN="LEFT" PORT="nic{at}"><FONT COLOR="{text}">{escaped(_nic(port))}</FONT></TD></TR>'
        for at, port in enumerate(box.ports)
    ]
    return (
        f'<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" WIDTH="{width}" STYLE="{style}" '
        f'BGCOLOR="{fill}" COLOR="{line}">{"".join(rows)}</TABLE>'
    )


def _width(box: Box) -> int:
    texts = [f"{_shown(box.name)}  {box.words}", *(_shown(_nic(port)) for port in box.ports)]
    return _CHAR * max(map(len, texts))


def _nic(port: Port) -> str:
    down = ["link down"] if port.down else []
    return " ".join([port.network, *port.addresses, *down])
