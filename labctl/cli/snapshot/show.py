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
    from labctl.app.snapshots import one
    from labctl.report import snapshottext

    found = context.lab(options, shows_plan=False).snapshots.list()
    snapshot = one(found.snapshots, name)
    if options.json:
        context.write_json(found.to_json(only=name))
    else:
        context.write(snapshottext.in_full(found, snapshot))
    return 0
