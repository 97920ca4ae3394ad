from __future__ import annotations

import typer

from labctl.cli import change, context
from labctl.cli.arguments import Adopt, OnlyVms, Yes
from labctl.cli.options import Options, with_global_options

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events")
def run(options: Options, vms: OnlyVms = None, *, yes: Yes = False, adopt: Adopt = False) -> int:
    """Shut VMs down, keep everything.

    Example: `labctl halt web`
    """
    lab = context.lab(options, adopt=adopt)
    return change.run(lab, "halt", lambda confirm: lab.halt(vms or (), confirm=confirm), options, yes=yes)
