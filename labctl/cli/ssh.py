from __future__ import annotations

import os
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand

from labctl.cli import arguments, context
from labctl.cli.arguments import OneVm
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import UsageError

app = typer.Typer(add_completion=False)


class Ssh(TyperCommand):
    """Takes everything behind `--` as the command. typer would take its first word for the VM if no VM is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse what stands before `--`.

        Raises:
            UsageError: a command stands before `--`. Its options would be taken for labctl's.
        """
        dashes = args.index("--") if "--" in args else len(args)
        rest = super().parse_args(ctx, args[:dashes])
        if ctx.params.get("command"):
            raise UsageError(
                "unexpected words after the VM",
                hint="a command stands behind --, as in `labctl ssh web -- ls -l`",
            )
        ctx.params["command"] = args[dashes + 1 :]
        return rest


@app.command(cls=Ssh)
@with_global_options
def run(
    options: Options,
    vm: OneVm = None,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- COMMAND...]", parser=arguments.word, help="what to run there instead of a shell"
        ),
    ] = None,
) -> int:
    """Log in to a VM, or run a command there.

    The command stands behind `--`. It needs no network to the VM.

    Example: `labctl ssh web -- ls -l`
    """
    from labctl.app import ssh, transport

    session = context.session(options, labfile_optional=True)
    way = transport.find(session, vm)
    if not (command and way.no_ssh):
        _replaced_by(ssh.command(way, command or ()))
    from labctl.host.access.streams import LiveStdin

    streams = (LiveStdin(0), sys.stdout.buffer, sys.stderr.buffer)
    return ssh.run(session, way, command, streams, context.say)


def _replaced_by(argv: list[str]) -> NoReturn:
    """Let another program take this process's place, terminal and signals."""
    sys.stdout.flush()
    os.execvp(argv[0], argv)  # noqa: S606  # no shell
