from __future__ import annotations

import typer

from labctl.cli import context
from labctl.cli.arguments import OnlyVms
from labctl.cli.options import Options, with_global_options

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json=None)
def run(options: Options, vms: OnlyVms = None) -> int:
    """Print the OpenSSH configuration of the lab.

    Example: `labctl ssh-config >config; scp -F config file web:`
    """
    from labctl.app.ssh import config

    session = context.session(options, labfile_optional=True)
    text, reasons = config(session, vms or ())
    context.write(text)
    context.say_where_reached(session, options)
    for vm, why in reasons.items():
        context.say(f"warning: {vm} is left out: {why}")
    return 0
