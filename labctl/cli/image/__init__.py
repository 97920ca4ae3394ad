"""`labctl image …`: one file a verb."""

from __future__ import annotations

import typer

from labctl.cli.options import Options, before_verbs
from labctl.cli.verbs import Verbs


class ImageVerbs(Verbs):
    """The verbs below `image`, in the order of its help."""

    package = "labctl.cli.image"
    panels = {  # noqa: RUF012  # declared as ClassVar by its base
        "commands": ("list", "show", "pull", "update", "build", "import", "verify", "prune", "remove")
    }


app = typer.Typer(cls=ImageVerbs, add_completion=False, subcommand_metavar="COMMAND")


@app.callback(epilog="`labctl image COMMAND --help` shows its options.")
@before_verbs
def before(_options: Options) -> int:
    """List, get, build and remove the images that disks stand on."""
    return 0
