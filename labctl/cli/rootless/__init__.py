"""`labctl rootless …`: one file a verb."""

from __future__ import annotations

import typer

from labctl.cli.options import Options, before_verbs
from labctl.cli.verbs import Verbs


class RootlessVerbs(Verbs):
    """The verbs below `rootless`, in the order of its help."""

    package = "labctl.cli.rootless"
    panels = {"commands": ("status", "exec", "stop")}  # noqa: RUF012  # declared as ClassVar by its base


app = typer.Typer(cls=RootlessVerbs, add_completion=False, subcommand_metavar="COMMAND")


@app.callback(epilog="`labctl rootless COMMAND --help` shows its options.")
@before_verbs
def before(_options: Options) -> int:
    """Look at your own libvirt, go inside, or end it.

    Whoever can't reach the system's libvirt has one; so has who says `-c rootless`.
    """
    return 0
