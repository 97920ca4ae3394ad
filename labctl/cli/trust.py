from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import arguments, context
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import UsageError
from labctl.core.host_reach import SHOWN
from labctl.core.record import replace
from labctl.host.files import yeses
from labctl.labfile.absolute_path import absolute_path

if TYPE_CHECKING:
    from labctl.core.host_reach import HostReach

    Found = dict[str, tuple[HostReach, ...]]  # by the path of the Labfile

app = typer.Typer(add_completion=False)

SHORTEST = 4  # hex digits of an id


@app.command()
@with_global_options
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
    """
    found = yeses.everything() if everything else _of_labfile(options)
    if revoke or revoke_all:
        found = found if revoke_all else _chosen(found, revoke or [])
        for labfile, reaches in found.items():
            yeses.forget(Path(labfile), {each.id for each in reaches})
        found = {
            labfile: tuple(replace(each, trusted=False) for each in its) for labfile, its in found.items()
        }
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


def _of_labfile(options: Options) -> Found:
    """What the user trusts the Labfile with, which need not exist any more."""
    from labctl.app import labfile_path

    try:
        source = labfile_path.find(options.file)
    except UsageError:
        if options.file is None:
            raise
        source = labfile_path.in_folder(options.file)
    path = Path.cwd() / "-" if source == "-" else Path(absolute_path(source))
    return {str(path): yeses.remembered(path)}


def _chosen(found: Found, ids: list[str]) -> Found:
    """Those whose ids begin so.

    Raises:
        UsageError: there is none.
    """
    known = [reach.id for reaches in found.values() for reach in reaches]
    for each in ids:
        if len(each) < SHORTEST:
            raise UsageError(
                f"{each} is too short for an id", hint=f"give its first {SHORTEST} digits, or more"
            )
        if not any(one.startswith(each) for one in known):
            raise UsageError(f"no yes has the id {each}", hint="`labctl trust` shows them")
    return {
        labfile: tuple(reach for reach in reaches if reach.id.startswith(tuple(ids)))
        for labfile, reaches in found.items()
    }


def _json(labfile: str, reaches: tuple[HostReach, ...]) -> dict[str, object]:
    return {"labfile": labfile, "reaches": [each.to_json() for each in reaches]}
