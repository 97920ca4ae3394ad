from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import context, exits
from labctl.cli.arguments import Adopt, Locked, Vms
from labctl.cli.options import Options, with_global_options
from labctl.core.record import replace
from labctl.report import wrap
from labctl.report.colour import Paint
from labctl.report.plain import problem_line
from labctl.report.plantext import Style, render

if TYPE_CHECKING:
    from labctl.core.errors import Problem

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="plan", labfile=True)
def run(
    options: Options,
    vms: Vms = None,
    *,
    adopt: Adopt = False,
    locked: Locked = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="exit with 3 when there are changes")
    ] = False,
) -> int:
    """Show what `up` would change, field by field.

    Example: `labctl plan web`
    """
    prepared = context.lab(options, adopt=adopt, locked=locked).prepare(vms or ())
    for warning in (*prepared.warnings, *map(_as_warning, prepared.obstacles)):
        if warning.severity != "note" or not options.quiet:
            context.say(problem_line(warning))
    plan = prepared.plan
    if options.json:
        context.write_json(plan.to_json())
    else:
        style = Style(Paint.on_stdout(allowed=options.colour), wrap.width(sys.stdout), options.verbose)
        context.write(render(plan, style))
    return exits.CHANGES if plan.changes and exit_code else 0


def _as_warning(obstacle: Problem) -> Problem:
    """What would stop `up` is only a warning of `plan`, which changes nothing."""
    return replace(obstacle, severity="warning", summary=f"`labctl up` would refuse this: {obstacle.summary}")
