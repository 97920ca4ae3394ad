from __future__ import annotations

import typer

from labctl.cli import change, context
from labctl.cli.arguments import Adopt, Locked, Overcommit, Trust, Vms, Yes
from labctl.cli.options import Options, with_global_options

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events", labfile=True)
def run(  # noqa: PLR0913  # the verb's options
    options: Options,
    vms: Vms = None,
    *,
    yes: Yes = False,
    adopt: Adopt = False,
    locked: Locked = False,
    overcommit: Overcommit = False,
    trust: Trust = False,
) -> int:
    """Apply the Labfile and restart VMs.

    Example: `labctl reload web`
    """
    lab = context.lab(options, adopt=adopt, locked=locked, overcommit=overcommit, trust=trust)
    return change.run(lab, "reload", lambda confirm: lab.reload(vms or (), confirm=confirm), options, yes=yes)
