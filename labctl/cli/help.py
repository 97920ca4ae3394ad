from __future__ import annotations

from typing import Annotated

import typer

from labctl import cli
from labctl.cli import arguments
from labctl.cli.options import Options, with_global_options

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json=None, libvirt=False)
def run(
    _options: Options,
    verb: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND...", parser=arguments.word, help="as in `image list`"),
    ] = None,
) -> int:
    """Show what a command does, as COMMAND --help does.

    Example: `labctl help image pull`
    """
    return cli.run([*(verb or ()), "--help"])
