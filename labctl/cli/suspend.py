from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import change, context
from labctl.cli.arguments import Adopt, OnlyVms, Yes
from labctl.cli.options import Options, with_global_options

Disk = Annotated[
    bool,
    typer.Option("--disk", help="save their memory to the host's disk: they outlast a reboot of the host"),
]
app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events")
def run(
    options: Options, vms: OnlyVms = None, *, disk: Disk = False, yes: Yes = False, adopt: Adopt = False
) -> int:
    """Pause VMs where they are, in the host's memory or on its disk.

    Example: `labctl suspend --disk`
    """
    lab = context.lab(options, adopt=adopt)
    return change.run(
        lab, "suspend", lambda confirm: lab.suspend(vms or (), disk=disk, confirm=confirm), options, yes=yes
    )
