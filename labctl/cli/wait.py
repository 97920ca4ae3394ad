from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import context, known_names, sinks
from labctl.cli.arguments import name
from labctl.cli.options import Options, with_global_options
from labctl.core.duration import parse_duration
from labctl.core.errors import UsageError

app = typer.Typer(add_completion=False)


def duration(text: str) -> str:
    return text


@app.command()
@with_global_options(json="events", labfile=True)
def run(
    options: Options,
    vms: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="VM[:STAGE]...",
            help="default: all VMs; stages: created, started, booted, provisioned, ready",
            autocompletion=known_names.stages,
            parser=name,
        ),
    ] = None,
    *,
    timeout: Annotated[
        str, typer.Option("--timeout", help="give up after this time", parser=duration)
    ] = "5m",
) -> int:
    """Wait until VMs are ready, or at another stage.

    Nothing is changed. Exits with 4 when the time is up.

    Example: `labctl wait db web:booted --timeout 2m`
    """
    try:
        seconds = parse_duration(timeout)
    except ValueError as error:
        raise UsageError(f"--timeout: {error}") from error

    lab = context.lab(options, shows_plan=False)
    lab.subscribe(sinks.lines(options))
    lab.wait(vms or (), timeout=seconds)
    return 0
