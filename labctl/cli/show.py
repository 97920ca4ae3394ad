from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import context, known_names
from labctl.cli.arguments import word
from labctl.cli.options import Options, with_global_options
from labctl.report.colour import Paint

if TYPE_CHECKING:
    from labctl.app.show import Shown

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="show", libvirt=False)
def run(
    options: Options,
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="only this part, such as vms.web.memory",
            autocompletion=known_names.paths,
            parser=word,
        ),
    ] = "",
) -> int:
    """Show the Labfile as labctl understands it.

    Layers are merged, values filled in, and each value says where it comes from.

    Example: `labctl show vms.web.memory`
    """
    from labctl.app.show import show

    found = show(context.session(options), path)
    if options.json:
        context.write_json(found.to_json())
    else:
        context.write(_text(found, Paint.on_stdout(allowed=options.colour)))
    return 0


def _text(found: Shown, paint: Paint) -> str:
    """The YAML of the part. Where a path means several instances, each stands under its name."""
    from labctl.report.resolvedtext import render

    depth = len(found.branches[0][0].path)
    values = [value for _, values in found.branches for value in values]
    return render(values, depth if len(found.branches) == 1 else 1, paint)
