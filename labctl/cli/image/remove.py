from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import context
from labctl.cli.arguments import Yes
from labctl.cli.image import shared
from labctl.cli.options import Options, with_global_options
from labctl.core.size import format_size

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="images-removed")
def run(
    options: Options,
    images: Annotated[list[str], shared.names("names, or beginnings of digests")],
    *,
    yes: Yes = False,
) -> int:
    """Remove images that nothing uses.

    Example: `labctl image remove debian-12`
    """
    from labctl.app.images import names, prune
    from labctl.app.images.catalogue import find
    from labctl.kinds.image.store import ImageStore, in_use

    host = shared.host(options)
    found = find(host, images)
    if used := [each for each in found if each.users]:
        each = used[0]
        raise in_use(each.users[0], where=each.spec.label)
    listed = ", ".join(f"{each.spec.label} ({format_size(each.bytes)})" for each in found)
    if not shared.confirmed(f"remove {listed}?", yes=yes, verb="remove"):
        context.say("nothing was removed")
        return 1
    store = ImageStore(host)
    for each in found:
        store.delete(each.spec.key)
        names.forget(each.spec.key)
        if not options.json:
            context.say(f"removed {each.spec.label}, {format_size(each.bytes)}")
    if options.json:
        removed = [prune.Unneeded(prune.name(each), each.bytes) for each in found]
        context.write_json(prune.to_json(removed))
    return 0
