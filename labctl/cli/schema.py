from __future__ import annotations

from typing import Annotated

from labctl.cli import context
from labctl.cli.options import Options, argument
from labctl.core.errors import UsageError

SCHEMAS = ("labfile", "plan", "status", "events", "catalogue", "images")


def run(
    _options: Options,
    which: Annotated[str, argument("SCHEMA", help=", ".join(SCHEMAS))] = SCHEMAS[0],
) -> int:
    from labctl import resources

    if which not in SCHEMAS:
        raise UsageError(f"no schema is called {which}", hint=f"known: {', '.join(SCHEMAS)}")
    context.write(resources.text(f"schemas/{which}.schema.json"))
    return 0
