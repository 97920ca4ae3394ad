from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import context
from labctl.cli.image import shared
from labctl.cli.options import Options, with_global_options
from labctl.kinds.image.spec import short
from labctl.report.plain import problem_line

if TYPE_CHECKING:
    from labctl.app.images.pins import Change

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="images-updated", labfile=True)
def run(
    options: Options,
    images: Annotated[list[str] | None, shared.names("as the Labfile calls them; by default all")] = None,
) -> int:
    """Pin the current versions of the images, and show what changed.

    The next `up` replaces disks whose image changed, after it has shown that in its plan.

    Example: `labctl image update`
    """
    from labctl.app.images import pins

    session = context.session(options)
    changes, notes = pins.update(session, images or ())
    for note in notes if not options.quiet else ():
        context.say(problem_line(note))
    if options.json:
        context.write_json({"format": pins.FORMAT, "changes": [each.to_json() for each in changes]})
        return 0
    for each in changes:
        context.write(_line(each))
    context.say(f"{session.lock_path.name}: {len(changes)} changed" if changes else "nothing changed")
    return 0


def _line(change: Change) -> str:
    """`~ debian-12 (x86_64): sha512:6c2607f1846e → sha512:98fd07a6c2cd`."""
    before = short(change.before.key) if change.before else ""
    after = short(change.after.key) if change.after else ""
    sign = "~" if before and after else "+" if after else "-"
    return f"{sign} {change.image} ({change.arch}): {' → '.join(filter(None, (before, after)))}"
