from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import context
from labctl.cli.image import shared
from labctl.cli.options import Options, with_global_options
from labctl.core.size import format_size
from labctl.kinds.image.spec import short
from labctl.report import wrap
from labctl.report.colour import Paint
from labctl.report.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.app.images.catalogue import Row
    from labctl.kinds.image.store import StoredImage
    from labctl.kinds.warm.store import StoredWarm
    from labctl.report.table import Cell

app = typer.Typer(add_completion=False)

WARM_HEAD = ("warm state", "saved", "on disk", "used by", "what it is")
HEAD = ("image", "arch", "digest", "on disk", "used by", "what it is")


@app.command()
@with_global_options(json="images")
def run(
    options: Options,
    *,
    stored: Annotated[bool, typer.Option("--stored", help="only those that are in the store")] = False,
) -> int:
    """List the images in the store and in the catalogue.

    The warm states in the store follow: what was saved of labs for their next `up`.

    Example: `labctl image list --stored`
    """
    from labctl.app.images.catalogue import FORMAT, images, warm_states, warm_to_json

    host = shared.host(options)
    rows = [row for row in images(host) if row.stored or not stored]
    warm = warm_states(host)
    if options.json:
        shown = {"images": [row.to_json() for row in rows], "warm_states": [*map(warm_to_json, warm)]}
        context.write_json({"format": FORMAT, **shown})
        return 0
    paint = Paint.on_stdout(allowed=options.colour)
    if rows or warm:
        context.write(tables(rows, warm, paint, wrap.width(sys.stdout)))
    else:
        context.say("the store is empty; `labctl image pull NAME` puts an image into it")
    return 0


def tables(rows: Sequence[Row], warm: Sequence[StoredWarm], paint: Paint, width: int | None) -> str:
    """The table of images and that of warm states, without those that would be empty, no wider than `width`."""
    both = ((HEAD, [*map(_cells, rows)]), (WARM_HEAD, [*map(_warm_cells, warm)]))
    return "\n\n".join(table(head, lines, paint, width) for head, lines in both if lines)


def _cells(row: Row) -> list[Cell]:
    what = row.entry.description if row.entry else ""
    if row.stored is None:
        return [row.name, "-", "-", "-", ("-",), (what or "-",)]
    spec = row.stored.spec
    return [
        row.name,
        spec.arch or "-",
        short(spec.key),
        row.stored.state if row.stored.state == "missing" else _size_and_state(row.stored),
        (_used(row.stored.users),),
        (what or spec.origin,),
    ]


def _warm_cells(state: StoredWarm) -> list[Cell]:
    warm = state.warm
    what = warm.problem or "what `labctl up` of the lab begins with"
    return [warm.lab, warm.moment or "-", format_size(warm.size), (_used(state.users),), (what,)]


def _used(users: Sequence[str]) -> str:
    more = f" and {len(users) - 1} more" if len(users) > 1 else ""
    return f"{users[0]}{more}" if users else "nothing"


def _size_and_state(stored: StoredImage) -> str:
    """The size on disk, and `damaged` or `changed` if the file is."""
    return " ".join(filter(None, (format_size(stored.bytes), stored.state)))
