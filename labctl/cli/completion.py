from __future__ import annotations

import os
from typing import Annotated, Literal

import typer

from labctl import cli
from labctl.cli import context
from labctl.cli.options import Options, with_global_options

app = typer.Typer(add_completion=False)

Shell = Literal["bash", "zsh", "fish"]


@app.command()
@with_global_options(json=None, libvirt=False)
def run(
    _options: Options,
    shell: Annotated[Shell, typer.Argument(help="the shell that you use")],
) -> int:
    """Print the script for completion in your shell.

    Example: `eval "$(labctl completion bash)"`
    """
    if (
        shell == "bash"
    ):  # which ends a word at a colon, so that the rest of db:ready would be a word of its own
        context.write('COMP_WORDBREAKS="${COMP_WORDBREAKS//:}"')
    os.environ["_LABCTL_COMPLETE"] = f"source_{shell}"  # typer prints its script for the shell
    return cli.run([])
