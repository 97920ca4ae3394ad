from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.cli import context

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup

CHANGES = 3


def arguments(parser: ArgumentParser, own: _ArgumentGroup) -> None:
    context.vm_arguments(parser)
    context.adopt_argument(own)
    own.add_argument("--exit-code", action="store_true", help="exit with 3 when there are changes")


def run(options: Namespace) -> int:
    from labctl.app import goals
    from labctl.app.prepare import prepare
    from labctl.report.colour import Paint
    from labctl.report.plain import problem_line
    from labctl.report.plantext import render
    from labctl.report.redact import hidden

    session = context.session(options)
    prepared = prepare(session, goals.up(options.vms))
    plan = hidden(prepared.plan, session.lab.secrets)
    if not options.quiet:
        for warning in prepared.warnings:
            context.say(problem_line(warning))
    if options.json:
        context.write_json(plan.to_json())
    else:
        context.write(render(plan, Paint.on_stdout(allowed=not options.no_color)))
    return CHANGES if plan and options.exit_code else 0
