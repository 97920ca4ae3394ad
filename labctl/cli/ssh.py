from __future__ import annotations

import os
import sys

from labctl.cli import context
from labctl.cli.options import OneVm, Options


def run(options: Options, vm: OneVm = None) -> int:
    """What follows -- is run there: `labctl ssh web -- ls -l`."""
    from labctl.app.ssh import command

    argv = command(context.session(options, labfile_optional=True), vm, options.command)
    sys.stdout.flush()
    os.execvp(argv[0], argv)  # noqa: S606  # an argv list; ssh takes this process's place, terminal and signals
