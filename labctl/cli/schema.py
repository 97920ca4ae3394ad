from __future__ import annotations

from typing import Annotated, Literal

import typer

from labctl import resources
from labctl.cli import context
from labctl.cli.options import Options, with_global_options

app = typer.Typer(add_completion=False)

Schema = Literal[
    "labfile",
    "catalogue",
    "doctor",
    "events",
    "exec",
    "forward",
    "images",
    "images-removed",
    "images-updated",
    "images-verified",
    "labs",
    "plan",
    "rootless",
    "show",
    "snapshots",
    "status",
    "trust",
    "validate",
]


@app.command()
@with_global_options(json="https://json-schema.org/draft/2020-12/schema", libvirt=False)
def run(
    _options: Options,
    schema: Annotated[Schema, typer.Argument(help="of the Labfile, or of what labctl prints")] = "labfile",
) -> int:
    """Print the Labfile's JSON Schema, for editors.

    Example: `labctl schema >labfile.schema.json`
    """
    context.write(resources.text(f"schemas/{schema}.schema.json"))
    return 0
