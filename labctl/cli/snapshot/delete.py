from __future__ import annotations

import typer

from labctl.cli import change, context
from labctl.cli.arguments import Adopt, Yes
from labctl.cli.options import Options, with_global_options
from labctl.cli.snapshot.shared import SomeSnapshots

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events")
def run(options: Options, names: SomeSnapshots, *, yes: Yes = False, adopt: Adopt = False) -> int:
    """Delete snapshots. The VMs go on meanwhile.

    Example: `labctl snapshot delete before-upgrade`
    """
    lab = context.lab(options, adopt=adopt)
    return change.run(
        lab, "snapshot delete", lambda confirm: lab.snapshots.delete(names, confirm=confirm), options, yes=yes
    )
