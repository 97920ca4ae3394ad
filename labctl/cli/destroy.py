from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import change, context
from labctl.cli.arguments import Adopt, OnlyVms, Yes
from labctl.cli.options import Options, with_global_options

GoneToo = Annotated[
    bool, typer.Option("--warm", help="also what was saved of the lab, so that the next `up` boots it")
]
app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events")
def run(
    options: Options, vms: OnlyVms = None, *, yes: Yes = False, adopt: Adopt = False, warm: GoneToo = False
) -> int:
    """Remove the lab, or some VMs with their disks.

    Example: `labctl destroy web`
    """
    lab = context.lab(options, adopt=adopt)
    return change.run(
        lab, "destroy", lambda confirm: lab.destroy(vms or (), warm=warm, confirm=confirm), options, yes=yes
    )
