from __future__ import annotations

import sys

import typer

from labctl.cli import context
from labctl.cli.arguments import Yes
from labctl.cli.image import shared
from labctl.cli.options import Options, with_global_options
from labctl.core.size import format_size
from labctl.report import wrap

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="images-removed")
def run(options: Options, *, yes: Yes = False) -> int:
    """Remove the images that no disk and no Labfile.lock needs.

    The warm states on which no disk stands go too, and the images that only they need.
    A lab that runs and did not begin with its own loses that too: its next `up` boots.
    Shows what would be removed and how much space that frees, and asks.

    Example: `labctl image prune`
    """
    from labctl.app.images import prune

    host = shared.host(options)
    found = prune.unneeded(host, shared.labfile_here(options))
    total = sum(each.bytes for each in found)
    if not options.json:
        for each in found:
            context.write(wrap.at_spaces(f"- {each.what}: {format_size(each.bytes)}", wrap.width(sys.stdout)))
    removed: list[prune.Unneeded] = []
    if not found:
        context.say("nothing to remove: all is in use, or pinned by a Labfile.lock")
    elif shared.confirmed(f"remove these, {format_size(total)}?", yes=yes, verb="prune"):
        removed = list(prune.remove(host, found, lambda line: context.say(f"warning: {line}")))
        context.say(f"freed {format_size(sum(each.bytes for each in removed))}")
    else:
        context.say("nothing was removed")
    if options.json:
        context.write_json(prune.to_json(removed))
    return 0
