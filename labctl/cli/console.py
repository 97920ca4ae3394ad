from __future__ import annotations

from typing import Annotated

from labctl.cli import context
from labctl.cli.options import OneVm, Options, option


def run(
    options: Options,
    vm: OneVm = None,
    *,
    force: Annotated[bool, option("--force", help="take it from whoever has it")] = False,
) -> int:
    from labctl.app.console import console

    session = context.session(options, labfile_optional=True)
    console(
        session,
        vm,
        force=force,
        told=lambda name: context.say(f"console of {name}; Ctrl-] leaves, Enter may bring a prompt"),
    )
    context.say("\nleft the console")
    return 0
