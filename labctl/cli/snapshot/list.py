from __future__ import annotations

import sys
from datetime import UTC, datetime

import typer

from labctl.cli import context
from labctl.cli.options import Options, with_global_options
from labctl.report import wrap
from labctl.report.colour import Paint

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="snapshots")
def run(options: Options) -> int:
    """List the lab's snapshots as a tree, with sizes and ages.

    Example: `labctl snapshot list`
    """
    from labctl.report import snapshottext

    found = context.lab(options, shows_plan=False).snapshots.list()
    if options.json:
        context.write_json(found.to_json())
    elif found.snapshots:
        paint = Paint.on_stdout(allowed=options.colour)
        context.write(snapshottext.tree(found, datetime.now(UTC), paint, wrap.width(sys.stdout)))
    else:
        context.say(f"the lab {found.lab} has no snapshot; `labctl snapshot save` takes one")
    return 0
