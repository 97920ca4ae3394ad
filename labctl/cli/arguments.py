"""The arguments and options that several verbs take."""

from __future__ import annotations

import contextlib
import io
from typing import Annotated

import typer

from labctl.cli import context
from labctl.cli.options import Options
from labctl.core.errors import LabctlError


def vm_names(ctx: typer.Context) -> list[str]:
    """For completion: the names of the Labfile's VMs and of their instances; none if the Labfile can't be read."""
    with contextlib.redirect_stderr(
        io.StringIO()
    ):  # a message would land in the line that the user is typing
        try:
            vms = context.session(Options.of(ctx)).lab.vms
        except LabctlError:
            return []
    return sorted({name for vm in vms for name in (vm.name, vm.base)})


# The help shows the name of an argument's parser as its type, so these parsers have telling names.


def name(text: str) -> str:
    return text


def path(text: str) -> str:
    return text


def word(text: str) -> str:
    return text


Vms = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="VM...", help="only these VMs, and what they need", autocompletion=vm_names, parser=name
    ),
]
OnlyVms = Annotated[
    list[str] | None,
    typer.Argument(metavar="VM...", help="only these VMs", autocompletion=vm_names, parser=name),
]
OneVm = Annotated[
    str | None,
    typer.Argument(
        metavar="VM", help="may be left out where there is only one", autocompletion=vm_names, parser=name
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]
Trust = Annotated[
    bool, typer.Option("--trust", help="let the lab reach the host as its plan says, and remember that")
]
Locked = Annotated[bool, typer.Option("--locked", help="only images that Labfile.lock pins")]
Overcommit = Annotated[bool, typer.Option("--overcommit", help="start VMs whatever memory the host has left")]
Adopt = Annotated[bool, typer.Option("--adopt", help="take over a lab that another Labfile made")]
