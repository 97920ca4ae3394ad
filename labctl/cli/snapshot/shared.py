"""The arguments of the verbs of `labctl snapshot`.

A shell completes no names of snapshots: only libvirt knows them, and completion asks nothing of it.
"""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import arguments

OneSnapshot = Annotated[
    str, typer.Argument(metavar="NAME", parser=arguments.name, help="the name of a snapshot")
]
SomeSnapshots = Annotated[
    list[str], typer.Argument(metavar="NAME...", parser=arguments.name, help="the names of snapshots")
]
