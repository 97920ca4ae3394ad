from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import context
from labctl.cli.arguments import path
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import UsageError
from labctl.host.files.private import write_output
from labctl.report import wrap
from labctl.report.colour import Paint

if TYPE_CHECKING:
    from labctl.report.drawing import Drawing

app = typer.Typer(add_completion=False)


class Format(StrEnum):
    """What a drawing is made as."""

    TEXT = "text"
    SVG = "svg"
    PNG = "png"
    DOT = "dot"
    MERMAID = "mermaid"


_ENDINGS = {
    **{each.value: each for each in Format},
    "mmd": Format.MERMAID,
    "gv": Format.DOT,
    "txt": Format.TEXT,
}


@app.command()
@with_global_options(json=None)
def run(
    options: Options,
    *,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="svg and png need Graphviz; without it -o's ending decides, else text"),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="write to a file", parser=path)
    ] = None,
) -> int:
    """Draw the lab's networks and VMs.

    With addresses and live state.

    Example: `labctl graph -o lab.svg`
    """
    from labctl.app import graph

    chosen = form or _by_name(output)
    if chosen is Format.PNG and output is None:
        raise UsageError("a picture as png goes into a file", hint="labctl graph -o lab.png")
    found = graph.look(context.session(options))
    content = _content(found, chosen, options, to_file=output is not None)
    if output is not None:
        _write(Path(output), content)
    else:
        context.write(content if isinstance(content, str) else content.decode())
    if not options.quiet:
        for note in found.notes:
            context.say(f"note: {note}")
    return 0


def _by_name(output: str | None) -> Format:
    """What the ending of a file's name asks for: text where there is none.

    Raises:
        UsageError: it is the ending of something else.
    """
    ending = Path(output or "").suffix
    if not ending:
        return Format.TEXT
    form = _ENDINGS.get(ending.removeprefix(".").lower())
    if form is None:
        raise UsageError(f"graph does not write {ending}", hint="svg, png, dot, mmd or txt; or --format")
    return form


def _content(found: Drawing, form: Format, options: Options, *, to_file: bool) -> str | bytes:
    from labctl.report import dot, mermaid, sketch

    if form is Format.TEXT:
        width = None if to_file else wrap.width(sys.stdout)
        paint = Paint() if to_file else Paint.on_stdout(allowed=options.colour)
        return sketch.render(found, paint, width, sketch.signs("utf-8" if to_file else sys.stdout.encoding))
    if form is Format.MERMAID:
        return mermaid.render(found)
    text = dot.render(found)
    if form is Format.DOT:
        return text
    from labctl.app.graph import picture

    return picture(text, form)


def _write(file: Path, content: str | bytes) -> None:
    """Write a whole file. What is in the text is escaped already, or is what a picture's maker wrote."""
    write_output(file, content if isinstance(content, bytes) else f"{content}\n".encode())
