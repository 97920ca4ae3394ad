from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import context
from labctl.cli.arguments import OneVm
from labctl.cli.options import Options, with_global_options

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options
def run(
    options: Options,
    vm: OneVm = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="take it from whoever has it")] = False,
) -> int:
    """Attach to a VM's serial console.

    Example: `labctl console web`
    """
    from labctl.app.console import console

    session = context.session(options, labfile_optional=True)
    console(
        session,
        vm,
        force=force,
        announce=lambda name: context.say(f"console of {name}; Ctrl-] leaves, Enter may bring a prompt"),
    )
    context.say("\nleft the console")
    return 0
