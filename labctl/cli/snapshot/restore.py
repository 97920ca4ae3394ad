from __future__ import annotations

import typer

from labctl.cli import change, context
from labctl.cli.arguments import Adopt, Overcommit, Yes
from labctl.cli.options import Options, with_global_options
from labctl.cli.snapshot.shared import OneSnapshot

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events")
def run(
    options: Options,
    name: OneSnapshot,
    *,
    yes: Yes = False,
    adopt: Adopt = False,
    overcommit: Overcommit = False,
) -> int:
    """Bring the whole lab back to a snapshot.

    What was done since is lost, other snapshots excepted.

    Example: `labctl snapshot restore before-upgrade`
    """
    lab = context.lab(options, adopt=adopt, overcommit=overcommit)
    return change.run(
        lab,
        "snapshot restore",
        lambda confirm: lab.snapshots.restore(name, confirm=confirm),
        options,
        yes=yes,
    )
