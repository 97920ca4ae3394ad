from __future__ import annotations

import sys
from typing import Annotated

import typer

from labctl.cli import context
from labctl.cli.arguments import OneVm
from labctl.cli.options import Options, with_global_options
from labctl.report import screen

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json=None)
def run(
    options: Options,
    vm: OneVm = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="take it from whoever has it")] = False,
) -> int:
    """Attach to a VM's serial console. Ctrl-] leaves.

    What the VM wrote last is shown first.

    Example: `labctl console web`
    """
    from labctl.app.console import console

    session = context.session(options, labfile_optional=True)
    console(
        session,
        vm,
        force=force,
        announce=_announced,
    )
    context.say("\nleft the console")
    return 0


def _announced(vm: str, last: str) -> None:
    context.say(f"console of {vm}; Ctrl-] leaves, Enter may bring a prompt")
    screen.write(sys.stdout, last)  # no newline: it goes on there
