from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import change, context, known_names
from labctl.cli.arguments import Adopt, OnlyVms, Trust, Yes, word
from labctl.cli.options import Options, with_global_options

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events", labfile=True)
def run(  # noqa: PLR0913  # the verb's options
    options: Options,
    vms: OnlyVms = None,
    *,
    only: Annotated[
        str,
        typer.Option(
            "--only",
            metavar="NAME",
            help="only the steps of this name",
            autocompletion=known_names.steps,
            parser=word,
        ),
    ] = "",
    again: Annotated[bool, typer.Option("--again", help="also the steps that are done")] = False,
    yes: Yes = False,
    adopt: Adopt = False,
    trust: Trust = False,
) -> int:
    """Run provisioning steps in VMs that run.

    Example: `labctl provision web --only nginx --again`
    """
    lab = context.lab(options, adopt=adopt, trust=trust)
    return change.run(
        lab,
        "provision",
        lambda confirm: lab.provision(vms or (), only=only, again=again, confirm=confirm),
        options,
        yes=yes,
    )
