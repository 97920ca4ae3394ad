from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.cli import context
from labctl.core.errors import Rejected

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup


def arguments(_parser: ArgumentParser, _own: _ArgumentGroup) -> None:
    """Only the global options."""


def run(options: Namespace) -> int:
    from labctl.app.validate import validate

    found = validate(context.session(options))
    if options.json:
        context.write_json(found.to_json())
        return 0 if found.ok else Rejected.exit_code
    if not options.quiet:
        for warning in found.warnings:
            context.say(f"warning: {warning}")
    if not found.ok:
        raise Rejected(found.errors)
    context.write(f"ok: {found.headline()}")
    return 0
