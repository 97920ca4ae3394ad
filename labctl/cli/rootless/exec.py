from __future__ import annotations

import os
import sys

import typer

from labctl.cli.arguments import Behind
from labctl.cli.behind_dashes import BehindDashes
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import LabctlError, UsageError
from labctl.host.libvirt.uri import ROOTLESS, SYSTEM

app = typer.Typer(add_completion=False)


class ProgramBehindDashes(BehindDashes):
    misplaced = "unexpected words before the program"
    example = "labctl rootless exec -- virsh list"


@app.command(cls=ProgramBehindDashes)
@with_global_options(json=None, connect=ROOTLESS)
def run(_options: Options, command: Behind = None) -> int:
    """Run a program inside your own libvirt.

    There qemu:///system is your own, and the networks of your labs are reached.

    Example: `labctl rootless exec -- virsh list`
    """
    from labctl.host.rootless import outside

    if not command:
        raise UsageError("no program is named", hint=f"as in `{ProgramBehindDashes.example}`")
    outside.keep_for_programs()
    os.environ["LIBVIRT_DEFAULT_URI"] = SYSTEM  # for virsh; the user's may name another machine
    sys.stdout.flush()
    try:
        os.execvp(command[0], command)  # noqa: S606  # no shell
    except OSError as error:
        raise LabctlError(f"can't run it: {error.strerror}", where=command[0]) from error
