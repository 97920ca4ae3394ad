from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import arguments, context
from labctl.cli.options import Options, with_global_options
from labctl.core.host_reach import SHOWN
from labctl.host.files import yeses

if TYPE_CHECKING:
    from labctl.core.host_reach import HostReach

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="trust", libvirt=False)
def run(
    options: Options,
    *,
    everything: Annotated[bool, typer.Option("--all", help="of all Labfiles")] = False,
    revoke: Annotated[
        list[str] | None,
        typer.Option(
            "--revoke",
            metavar="ID",
            parser=arguments.word,
            help="take a yes back, named by the beginning of its id; repeatable",
        ),
    ] = None,
    revoke_all: Annotated[bool, typer.Option("--revoke-all", help="take all of them back")] = False,
) -> int:
    """Show what you trust the Labfile with, and take it back.

    `labctl plan` shows what a lab reaches beyond its own folder. `labctl up` asks, or takes --trust for a yes.

    Example: `labctl trust --revoke 1a2b3c4d`
    """
    from labctl.app import trust

    found = yeses.everything() if everything else trust.trusted(options.file)
    if revoke or revoke_all:
        found = trust.revoke(found, None if revoke_all else revoke)
    if options.json:
        context.write_json({"format": yeses.FORMAT, "labfiles": [_json(*each) for each in found.items()]})
        return 0
    for labfile, reaches in found.items():
        context.say(labfile)
        for each in reaches:
            context.write(f"{each.id[:SHOWN]}  {each}")
    if not any(found.values()):
        context.say("nothing is trusted")
    elif revoke or revoke_all:
        context.say("this needs a new yes")
    return 0


def _json(labfile: str, reaches: tuple[HostReach, ...]) -> dict[str, object]:
    return {"labfile": labfile, "reaches": [each.to_json() for each in reaches]}
