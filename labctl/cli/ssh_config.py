from __future__ import annotations

from labctl.cli import context
from labctl.cli.options import OnlyVms, Options


def run(options: Options, vms: OnlyVms = None) -> int:
    from labctl.app.ssh import config

    text, reasons = config(context.session(options, labfile_optional=True), vms or ())
    context.write(text)
    for vm, why in reasons.items():
        context.say(f"warning: {vm} is left out: {why}")
    return 0
