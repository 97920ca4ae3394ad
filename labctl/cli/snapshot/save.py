from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import arguments, change, context
from labctl.cli.arguments import Adopt, Yes
from labctl.cli.options import Options, with_global_options

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events")
def run(
    options: Options,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", parser=arguments.name, help="by default the next one of s1, s2, …"),
    ] = "",
    *,
    message: Annotated[
        str, typer.Option("--message", "-m", metavar="TEXT", parser=arguments.word, help="what it is for")
    ] = "",
    yes: Yes = False,
    adopt: Adopt = False,
) -> int:
    """Save the whole lab: disks, memory, networks, power states.

    The running VMs are paused together for it.

    Example: `labctl snapshot save before-upgrade -m "all tests pass"`
    """
    lab = context.lab(options, adopt=adopt)
    return change.run(
        lab,
        "snapshot save",
        lambda confirm: lab.snapshots.save(name, message=message, confirm=confirm),
        options,
        yes=yes,
    )
