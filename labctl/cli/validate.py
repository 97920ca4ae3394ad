from __future__ import annotations

import typer

from labctl.cli import context, exits
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import Rejected

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options
def run(options: Options) -> int:
    """Check the Labfile, tell every problem at once."""
    from labctl.report.plain import problem_line

    found = context.lab(options).validate()
    if options.json:
        context.write_json(found.to_json())
        return 0 if found.ok else exits.WRONG
    if not options.quiet:
        for warning in found.warnings:
            context.say(problem_line(warning))
    if not found.ok:
        raise Rejected(found.errors)
    context.write(f"ok: {found.headline()}")
    return 0
