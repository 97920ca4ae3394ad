from __future__ import annotations

import typer

from labctl.cli import context
from labctl.cli.options import Options, with_global_options
from labctl.cli.snapshot.shared import OneSnapshot

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="snapshots")
def run(options: Options, name: OneSnapshot) -> int:
    """Show what a snapshot holds.

    Example: `labctl snapshot show before-upgrade`
    """
    from labctl.report import snapshottext

    shown = context.lab(options, shows_plan=False).snapshots.show(name)
    if options.json:
        context.write_json(shown.to_json())
    else:
        context.write(snapshottext.in_full(shown))
    return 0
