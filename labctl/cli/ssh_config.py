from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.cli import context

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup


def arguments(parser: ArgumentParser, _own: _ArgumentGroup) -> None:
    context.vm_arguments(parser, "only these VMs")


def run(options: Namespace) -> int:
    from labctl.app.ssh import config

    text, reasons = config(context.session(options), options.vms)
    context.write(text)
    for vm, why in reasons.items():
        context.say(f"warning: {vm} is left out: {why}")
    return 0
