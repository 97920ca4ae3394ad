from __future__ import annotations

import typer

from labctl.cli import context, exits
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import Rejected
from labctl.report.plain import problem_line

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="validate", libvirt=False)
def run(options: Options) -> int:
    """Check the Labfile and show every problem at once.

    Example: `labctl validate`
    """
    verdict = context.lab(options).validate()
    if options.json:
        context.write_json(verdict.to_json())
        return 0 if verdict.ok else exits.WRONG
    if not options.quiet:
        for warning in verdict.warnings:
            context.say(problem_line(warning))
    if not verdict.ok:
        raise Rejected(verdict.errors, verdict.more)
    context.write(f"ok: {verdict.headline()}")
    return 0
