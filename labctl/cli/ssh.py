from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from labctl.cli import context

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup


def arguments(parser: ArgumentParser, _own: _ArgumentGroup) -> None:
    parser.add_argument("vm", metavar="VM", nargs="?", help="may be left out where there is only one")
    parser.usage = "labctl ssh [OPTIONS] [VM] [-- COMMAND...]"
    parser.set_defaults(takes_command=True)


def run(options: Namespace) -> int:
    from labctl.app.ssh import command

    argv = command(context.session(options), options.vm, options.command)
    sys.stdout.flush()
    os.execvp(argv[0], argv)  # noqa: S606  # an argv list; ssh takes this process's place, terminal and signals
