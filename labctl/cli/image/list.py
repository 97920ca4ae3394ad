from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import context
from labctl.cli.image import shared
from labctl.cli.options import Options, with_global_options
from labctl.core.size import format_size
from labctl.kinds.image.spec import short
from labctl.report.colour import Paint
from labctl.report.table import table

if TYPE_CHECKING:
    from labctl.app.images.catalogue import Row
    from labctl.kinds.image.store import StoredImage

app = typer.Typer(add_completion=False)

HEAD = ("image", "arch", "digest", "on disk", "used by", "what it is")


@app.command()
@with_global_options(json="images")
def run(
    options: Options,
    *,
    stored: Annotated[bool, typer.Option("--stored", help="only those that are in the store")] = False,
) -> int:
    """List the images in the store and in the catalogue.

    Example: `labctl image list --stored`
    """
    from labctl.app.images.catalogue import FORMAT, images

    rows = [row for row in images(shared.host(options)) if row.stored or not stored]
    if options.json:
        context.write_json({"format": FORMAT, "images": [row.to_json() for row in rows]})
    elif rows:
        paint = Paint.on_stdout(allowed=options.colour)
        context.write(table(HEAD, [_cells(row) for row in rows], paint))
    else:
        context.say("the store is empty; `labctl image pull NAME` puts an image into it")
    return 0


def _cells(row: Row) -> list[str]:
    what = row.entry.description if row.entry else ""
    if row.stored is None:
        return [row.name, "-", "-", "-", "-", what or "-"]
    spec = row.stored.spec
    count = len(row.stored.users)
    used = row.stored.users[0] + (f" and {count - 1} more" if count > 1 else "") if count else "nothing"
    return [
        row.name,
        spec.arch or "-",
        short(spec.key),
        row.stored.state if row.stored.state == "missing" else _size_and_state(row.stored),
        used,
        what or spec.origin,
    ]


def _size_and_state(stored: StoredImage) -> str:
    """The size on disk, and `damaged` or `changed` if the file is."""
    return " ".join(filter(None, (format_size(stored.bytes), stored.state)))
