from __future__ import annotations

from typing import Annotated

from labctl.cli import context
from labctl.cli.options import Options, argument, option
from labctl.labfile.starters import names, summary

STARTS = names()


def run(
    options: Options,
    start: Annotated[str, argument("LAB", help=summary())] = STARTS[0],
    *,
    force: Annotated[bool, option("--force", help="replace a Labfile that is there")] = False,
) -> int:
    from labctl.app.init import init

    path = init(start, options.file or ".", force=force)
    context.say(f"wrote {path}")
    place = "" if str(path) == context.LABFILE else f" -f {path}"
    context.say(
        f"next: look at it, then `labctl{place} plan` shows what it makes and `labctl{place} up` makes it"
    )
    return 0
