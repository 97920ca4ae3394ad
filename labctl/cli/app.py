"""The typer application."""

from __future__ import annotations

from typing import Any

import typer

from labctl.cli.options import Options, before_verbs
from labctl.cli.verbs import Verbs

_TYPERS = ("install_completion", "show_completion")


class TopVerbs(Verbs):
    """The verbs of labctl, in the order of the help."""

    package = "labctl.cli"
    panels = {  # noqa: RUF012  # declared as ClassVar by its base
        "write a lab": ("init", "validate", "show", "schema"),
        "run it": (
            "plan",
            "up",
            "watch",
            "wait",
            "halt",
            "reload",
            "provision",
            "suspend",
            "resume",
            "destroy",
            "trust",
        ),
        "look at it": ("status", "graph", "list", "events"),
        "work in it": ("ssh", "exec", "copy", "console", "forward", "logs", "screenshot", "send-keys"),
        "for other tools": ("ssh-config", "inventory"),
        "save it": ("snapshot",),
        "images": ("image",),
        "more": ("rootless", "doctor", "completion", "help"),
    }

    def get_params(self, ctx: Any) -> list[Any]:
        """Those without typer's options for completion: `labctl completion` is the one way, and needs it turned on."""
        return [each for each in super().get_params(ctx) if each.name not in _TYPERS]


app = typer.Typer(
    cls=TopVerbs,
    context_settings={"help_option_names": ["--help", "-h"]},
    subcommand_metavar="COMMAND [VM]...",
)


@app.callback(epilog="`labctl COMMAND --help` shows its options, `labctl --version` the version.")
@before_verbs
def before(_options: Options) -> int:
    """Virtual labs on libvirt from one Labfile."""
    return 0
