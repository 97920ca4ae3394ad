from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.cli import context

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup


def arguments(parser: ArgumentParser, own: _ArgumentGroup) -> None:
    parser.add_argument("vm", metavar="VM", nargs="?", help="may be left out where there is only one")
    own.add_argument("--force", action="store_true", help="take it from whoever has it")


def run(options: Namespace) -> int:
    from labctl.app.console import console

    session = context.session(options)
    console(
        session,
        options.vm,
        force=options.force,
        told=lambda vm: context.say(f"console of {vm}; Ctrl-] leaves, Enter may bring a prompt"),
    )
    context.say("\nleft the console")
    return 0
