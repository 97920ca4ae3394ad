from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labctl.cli import arguments, context
from labctl.cli.arguments import OneVm
from labctl.cli.options import Options, with_global_options
from labctl.host.files.private import write_output

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json=None)
def run(
    options: Options,
    vm: OneVm = None,
    *,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="by default VM.png", parser=arguments.path),
    ] = None,
) -> int:
    """Take a picture of a VM's screen.

    The VM needs `graphics: vnc` in the Labfile.

    Example: `labctl screenshot web -o web.png`
    """
    from labctl.app.screen_and_keys import screenshot

    picture = screenshot(context.session(options, labfile_optional=True), vm)
    path = Path(output or f"{picture.vm}.png")
    write_output(path, picture.png)
    context.say(f"the screen of {picture.vm} is in {path}")
    return 0
