from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import arguments, context, interruptions
from labctl.cli.arguments import User
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import UsageError
from labctl.core.record import replace
from labctl.core.size import parse_size

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(add_completion=False)
_FEW = 5  # names that are told


@app.command()
@with_global_options(json=None)
def run(
    options: Options,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SRC... DST", help="files and folders; VM:PATH is in a VM", parser=arguments.path
        ),
    ] = None,
    *,
    user: User = "",
    limit: Annotated[
        str, typer.Option("--limit", metavar="SIZE", help="refuse to receive more than this")
    ] = "16GiB",
) -> int:
    """Copy files and folders into a VM or out of it, with their modes.

    What is copied to a folder that exists lands in it. No network is needed.

    Example: `labctl copy site web:/srv`
    """
    from labctl.app.copy_files import asked, copy
    from labctl.report.transfer import Transfer

    wanted = replace(asked(paths or ()), user=user, limit_bytes=_bytes(limit))
    session = context.session(options, labfile_optional=True)
    shown = sys.stderr.isatty() and not options.quiet
    with Transfer(sys.stderr, enabled=shown) as transfer:
        copied = copy(session, wanted, transfer, context.say)
        with interruptions.asking(copied.stop):
            left_out = copied.result()
    _tell(left_out)
    return 0


def _bytes(limit: str) -> int:
    try:
        return parse_size(limit)
    except ValueError as error:
        raise UsageError(f"--limit {limit}: not a size", hint="write it as --limit 2GiB") from error


def _tell(left_out: Sequence[str]) -> None:
    if left_out:
        more = f" and {len(left_out) - _FEW} more" if len(left_out) > _FEW else ""
        names = ", ".join(left_out[:_FEW])
        context.say(
            f"warning: left out, since they lead out of the folder or are devices and the like: {names}{more}"
        )
