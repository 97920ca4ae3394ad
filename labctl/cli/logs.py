from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.cli import context

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup


def arguments(parser: ArgumentParser, own: _ArgumentGroup) -> None:
    parser.add_argument("vm", metavar="VM", nargs="?", help="may be left out where there is only one")
    own.add_argument("-F", "--follow", action="store_true", help="go on as it grows, until Ctrl-C")
    own.add_argument("-n", "--lines", type=int, metavar="N", help="only the last N lines")


def run(options: Namespace) -> int:
    import sys

    from labctl.app import logs

    session = context.session(options)
    vm = logs.choose_vm(session, options.vm)
    text = logs.read(session, vm)
    if not text and not options.follow:
        context.say(f"the console of {vm} has said nothing yet")
    lines = text.splitlines(keepends=True)
    start = max(0, len(lines) - options.lines) if options.lines is not None else 0
    sys.stdout.write("".join(lines[start:]))
    sys.stdout.flush()
    if options.follow:
        for more in logs.follow(session, vm, text):
            sys.stdout.write(more)
            sys.stdout.flush()
    return 0
