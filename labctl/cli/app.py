"""The typer application."""

from __future__ import annotations

import typer

from labctl.cli.options import Options, with_global_options
from labctl.cli.verbs import Verbs


class TopVerbs(Verbs):
    """The verbs of labctl, in the order of the help."""

    package = "labctl.cli"
    panels = {  # noqa: RUF012  # declared as ClassVar by its base
        "write a lab": ("init", "validate", "show", "schema"),
        "run it": (
            "plan",
            "up",
            "watch",
            "halt",
            "reload",
            "provision",
            "suspend",
            "resume",
            "destroy",
            "trust",
        ),
        "look at it": ("status", "graph", "wait", "list", "logs", "events", "doctor"),
        "enter it": ("ssh", "ssh-config", "inventory", "console", "forward"),
        "work in it": ("exec", "copy", "screenshot", "send-keys"),
        "images": ("image",),
        "more": ("completion", "help"),
    }


app = typer.Typer(
    cls=TopVerbs,
    context_settings={"help_option_names": ["--help", "-h"]},
    subcommand_metavar="COMMAND [VM]...",
)


@app.callback(epilog="`labctl COMMAND --help` shows its options.")
@with_global_options
def before(_options: Options) -> int:
    """Virtual labs on libvirt from one Labfile."""
    return 0
