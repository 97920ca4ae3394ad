from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import arguments, context, interruptions, known_names, run_state, telling
from labctl.cli.arguments import User
from labctl.cli.behind_dashes import BehindDashes
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import LabctlError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.app.run_in_vms import Command, Ran

app = typer.Typer(add_completion=False)
FORMAT = 1
_VMS = typer.Argument(
    metavar="[VM...] -- COMMAND...",
    help="the VMs, and behind -- what to run there",
    autocompletion=known_names.vms,
    parser=arguments.name,
)
_GROUP = typer.Option(
    "--group",
    "-g",
    metavar="GROUP",
    help="the VMs of a group; repeatable",
    autocompletion=known_names.groups,
    parser=arguments.name,
)
_BEHIND = typer.Option(hidden=True, parser=arguments.word)  # its words are those behind --


@app.command(cls=BehindDashes)
@with_global_options(json="exec")
def run(  # noqa: PLR0913  # the options, by keyword
    options: Options,
    vms: Annotated[list[str] | None, _VMS] = None,
    *,
    group: Annotated[list[str] | None, _GROUP] = None,
    every: Annotated[bool, typer.Option("--all", "-a", help="all VMs")] = False,
    user: User = "",
    command: Annotated[list[str] | None, _BEHIND] = None,
) -> int:
    """Run a command in several VMs in parallel.

    With several VMs each line of output has the VM's name in front, and the exit
    code is 1 if one of them failed. With one VM it is the command's own, and 255 if it could not be run.
    The command's words are joined by spaces and read by a shell there, as with `labctl ssh`.
    --all and --group leave out VMs that the Labfile keeps off, and those without cloud-init.

    Example: `labctl exec --all -- uptime`
    """
    from labctl.app.one_vm import look
    from labctl.app.run_in_vms import places, running
    from labctl.app.several_vms import several

    if not command:
        raise UsageError(
            "what is to be run?", hint="a command stands behind --, as in `labctl exec --all -- uptime`"
        )
    session = context.session(options, labfile_optional=True)
    seen = look(session)
    meant = several(session, seen, vms or (), group or (), every=every)
    found = places(session, seen, meant)
    for why in found.left_out:
        context.say(f"note: {why}")
    output = Output(options, list(found.ways))
    ran = running(session, list(found.ways.values()), output.command(command, user), context.say)
    with interruptions.asking(ran.stop):
        return output.code(ran.result())


class Output:
    """Where the output of the VMs goes."""

    def __init__(self, options: Options, names: Sequence[str]) -> None:
        from labctl.report.colour import Paint
        from labctl.report.prefixed import Prefixed, prefixes

        self._json, self._single = options.json, len(names) == 1
        streams = (sys.stdout, sys.stderr)
        paints = [Paint.on(stream, allowed=options.colour) for stream in streams]
        stdout, stderr = (prefixes(names, paint) for paint in paints)
        self._lines = {
            name: (
                Prefixed(sys.stdout, stdout[name], run_state.masked),
                Prefixed(sys.stderr, stderr[name], run_state.masked),
            )
            for name in names
        }

    def command(self, words: Sequence[str], user: str) -> Command:
        from labctl.app.run_in_vms import Command
        from labctl.host.access.streams import LiveStdin

        stdin = LiveStdin(0) if self._single else None
        if self._json:
            return Command(words, user, stdin)
        if self._single:
            return Command(words, user, stdin, lambda _vm: (sys.stdout.buffer, sys.stderr.buffer))
        return Command(words, user, stdin, lambda vm: self._lines[vm])

    def code(self, done: Sequence[Ran]) -> int:
        """Write what is left, tell what failed, and give the exit code."""
        from labctl.app.one_vm import errors_of_several

        for lines in itertools.chain(*self._lines.values()):
            lines.close()
        failed = [each for each in done if each.exit_code]
        if self._json:
            context.write_json({"format": FORMAT, "vms": [each.to_json() for each in done]})
        errors = list[LabctlError]()
        for each in failed:
            if each.error:
                each.error.where = each.error.where or f"vm/{each.vm}"
                errors.append(each.error)
            elif not (self._single or self._json):
                context.say(f"error: vm/{each.vm}: exit code {each.exit_code}")
        if errors:
            telling.say_error(errors_of_several(errors))
        return done[0].exit_code if self._single else int(bool(failed))
