"""`labctl snapshot …`: one file a verb."""

from __future__ import annotations

import typer

from labctl.cli.options import Options, before_verbs
from labctl.cli.verbs import Verbs


class SnapshotVerbs(Verbs):
    """The verbs below `snapshot`, in the order of its help."""

    package = "labctl.cli.snapshot"
    panels = {  # noqa: RUF012  # declared as ClassVar by its base
        "commands": ("save", "list", "show", "restore", "delete", "prune")
    }


app = typer.Typer(cls=SnapshotVerbs, add_completion=False, subcommand_metavar="COMMAND")


@app.callback(epilog="`labctl snapshot COMMAND --help` shows its options.")
@before_verbs
def before(_options: Options) -> int:
    """Save the whole lab with its memory, and bring it back."""
    return 0
