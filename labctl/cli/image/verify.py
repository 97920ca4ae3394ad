from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import context
from labctl.cli.image import shared
from labctl.cli.options import Options, with_global_options
from labctl.kinds.image.spec import short, shown

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="images-verified")
def run(
    options: Options,
    images: Annotated[list[str] | None, shared.names("a name, or the beginning of a digest")] = None,
) -> int:
    """Read stored images and compare their digests.

    Without a name, all images of the store. The exit code is 1 if one is damaged.

    Example: `labctl image verify debian-12`
    """
    from labctl.app.images.catalogue import FORMAT, find
    from labctl.kinds.image.store import ImageStore

    host = shared.host(options)
    store = ImageStore(host)
    results = []
    for each in find(host, images) if images else store.stored():
        wrong = store.verify(each, lambda *_: None)
        results.append({"name": each.spec.label, "digest": shown(each.spec.key), "wrong": wrong})
        if not options.json and (wrong or not options.quiet):
            context.write(f"{each.spec.label} {short(each.spec.key)}: {'DAMAGED' if wrong else 'sound'}")
            for volume, why in wrong.items():
                context.say(f"  {volume}: {why}")
    damaged = [each["name"] for each in results if each["wrong"]]
    if options.json:
        context.write_json({"format": FORMAT, "images": results})
    elif not results and not options.quiet:
        context.say("the store is empty")
    elif damaged:
        context.say(
            "  hint: `labctl up` of a lab with that image fetches or builds it again, and so does `labctl image pull`"
        )
    return 1 if damaged else 0
