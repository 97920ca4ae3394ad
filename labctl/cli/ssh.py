from __future__ import annotations

import os
import sys
from typing import NoReturn

import typer

from labctl.cli import context
from labctl.cli.arguments import Behind, OneVm, User
from labctl.cli.behind_dashes import BehindDashes
from labctl.cli.options import Options, with_global_options

app = typer.Typer(add_completion=False)


@app.command(cls=BehindDashes)
@with_global_options(json=None)
def run(
    options: Options,
    vm: OneVm = None,
    command: Behind = None,
    *,
    user: User = "",
) -> int:
    """Log in to a VM, or run a command there.

    The command stands behind `--`. Its words are joined by spaces and read by a shell there, as with OpenSSH.
    It needs no network to the VM.

    Example: `labctl ssh web -- ls -l`
    """
    from labctl.app import ssh, transport

    session = context.session(options, labfile_optional=True)
    way = transport.find(session, vm)
    if not (command and way.no_ssh):
        _replaced_by(ssh.command(session, way, command or (), user, terminal=sys.stdin.isatty()))
    from labctl.host.access.streams import LiveStdin

    streams = (LiveStdin(0), sys.stdout.buffer, sys.stderr.buffer)
    return ssh.run(session, way, command, streams, context.say, user=user)


def _replaced_by(argv: list[str]) -> NoReturn:
    """Let another program take this process's place, terminal and signals."""
    sys.stdout.flush()
    os.execvp(argv[0], argv)  # noqa: S606  # no shell
