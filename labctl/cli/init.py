from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.cli import context

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup


def arguments(parser: ArgumentParser, own: _ArgumentGroup) -> None:
    from labctl.labfile.starters import names

    parser.add_argument(
        "start",
        metavar="LAB",
        nargs="?",
        default=names()[0],
        help=f"{', '.join(names())} (default: {names()[0]})",
    )
    own.add_argument("--force", action="store_true", help="replace a Labfile that is there")


def run(options: Namespace) -> int:
    from labctl.app.init import init

    path = init(options.start, options.file or ".", force=options.force)
    context.say(f"wrote {path}")
    place = "" if str(path) == context.LABFILE else f" -f {path}"
    context.say(
        f"next: look at it, then `labctl{place} plan` shows what it makes and `labctl{place} up` makes it"
    )
    return 0
