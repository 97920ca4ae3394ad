from __future__ import annotations

import sys
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
from labctl.report.drawing import Format

if TYPE_CHECKING:
    from labctl.report.sketch import Style

app = typer.Typer(add_completion=False)


_ENDINGS = {
    **{each.value: each for each in Format},
    "mmd": Format.MERMAID,
    "gv": Format.DOT,
    "txt": Format.TEXT,
}


@app.command()
@with_global_options(json=None, labfile=True)
def run(
    options: Options,
    *,
    format_: Annotated[
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

    chosen = format_ or _by_name(output)
    if chosen is Format.PNG and output is None:
        raise UsageError("a picture as png goes into a file", hint="labctl graph -o lab.png")
    found = graph.look(context.session(options))
    content = graph.made(found, chosen, _style(options, to_file=output is not None))
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
    found = _ENDINGS.get(ending.removeprefix(".").lower())
    if found is None:
        raise UsageError(f"graph does not write {ending}", hint="svg, png, dot, mmd or txt; or --format")
    return found


def _style(options: Options, *, to_file: bool) -> Style:
    """That of the terminal; a file gets no colours, whatever stdout is."""
    from labctl.report import sketch

    if to_file:
        return sketch.PLAIN
    signs = sketch.signs(sys.stdout.encoding)
    width = wrap.width(sys.stdout) or sketch.WIDTH
    return sketch.Style(Paint.on_stdout(allowed=options.colour), width, signs)


def _write(file: Path, content: str | bytes) -> None:
    """Write a whole file. What is in the text is escaped already, or is what a picture's maker wrote."""
    write_output(file, content if isinstance(content, bytes) else f"{content}\n".encode())
