from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import change, context
from labctl.cli.arguments import Adopt, Yes
from labctl.cli.options import Options, with_global_options

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events")
def run(
    options: Options,
    *,
    keep: Annotated[
        int,
        typer.Option(
            "--keep", metavar="N", min=0, help="how many of the newest stay; by default 1", show_default=False
        ),
    ] = 1,
    yes: Yes = False,
    adopt: Adopt = False,
) -> int:
    """Delete all snapshots but the newest one, or N.

    Example: `labctl snapshot prune --keep 3`
    """
    lab = context.lab(options, adopt=adopt)
    return change.run(
        lab, "snapshot prune", lambda confirm: lab.snapshots.prune(keep, confirm=confirm), options, yes=yes
    )
