from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.cli import context
from labctl.core.errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup

SCHEMAS = ("labfile", "plan", "status", "events")


def arguments(parser: ArgumentParser, _own: _ArgumentGroup) -> None:
    parser.add_argument(
        "which",
        metavar="SCHEMA",
        nargs="?",
        default="labfile",
        help=f"{', '.join(SCHEMAS)} (default: labfile)",
    )


def run(options: Namespace) -> int:
    from labctl import resources

    if options.which not in SCHEMAS:
        raise UsageError(f"no schema is called {options.which}", hint=f"known: {', '.join(SCHEMAS)}")
    context.write(resources.text(f"schemas/{options.which}.schema.json"))
    return 0
