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
@with_global_options
def run(
    options: Options,
    vm: OneVm = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-F", help="go on as it grows, until Ctrl-C")] = False,
    lines: Annotated[
        int | None, typer.Option("--lines", "-n", metavar="N", help="only the last N lines")
    ] = None,
) -> int:
    """Show the console log of a VM."""
    from labctl.app import logs

    session = context.session(options, labfile_optional=True)
    name = logs.choose_vm(session, vm)
    text = logs.read(session, name)
    if not text and not follow:
        context.say(f"the console log of {name} is still empty")
    logged = text.splitlines(keepends=True)
    start = max(0, len(logged) - lines) if lines is not None else 0
    screen.write(sys.stdout, "".join(logged[start:]))
    if follow:
        for more in logs.follow(session, name, text):
            screen.write(sys.stdout, more)
    return 0
