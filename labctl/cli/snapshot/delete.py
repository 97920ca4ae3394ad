from __future__ import annotations

import typer

from labctl.cli import change, context
from labctl.cli.arguments import Yes
from labctl.cli.options import Options, with_global_options
from labctl.cli.snapshot.shared import SomeSnapshots

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events")
def run(options: Options, names: SomeSnapshots, *, yes: Yes = False) -> int:
    """Delete snapshots. The VMs go on meanwhile.

    Example: `labctl snapshot delete before-upgrade`
    """
    lab = context.lab(options)
    return change.run(lab, lab.snapshots.delete, options, names, yes=yes)
