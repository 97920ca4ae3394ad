from __future__ import annotations

from typing import Annotated

import typer

from labctl.app import labfile_path
from labctl.app.init import init
from labctl.cli import arguments, context
from labctl.cli.options import Options, with_global_options
from labctl.labfile.init_templates import template_names, template_summary

app = typer.Typer(add_completion=False)

STARTS = template_names()


@app.command()
@with_global_options(json=None, libvirt=False)
def run(
    options: Options,
    start: Annotated[
        str, typer.Argument(metavar="LAB", parser=arguments.name, help=template_summary())
    ] = STARTS[0],
    *,
    force: Annotated[bool, typer.Option("--force", help="replace a Labfile that is there")] = False,
) -> int:
    """Write a Labfile to start from.

    Example: `labctl init pair`
    """
    path = init(start, options.file or ".", force=force)
    context.say(f"wrote {path}")
    option = "" if str(path) == labfile_path.LABFILE else f" -f {path}"
    context.say(f"next: look at it; `labctl{option} plan` shows what it makes, `labctl{option} up` makes it")
    return 0
