"""The arguments and options that several verbs take."""

from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import known_names

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
        metavar="VM...",
        help="only these VMs, and what they need",
        autocompletion=known_names.vms,
        parser=name,
    ),
]
OnlyVms = Annotated[
    list[str] | None,
    typer.Argument(metavar="VM...", help="only these VMs", autocompletion=known_names.vms, parser=name),
]
OneVm = Annotated[
    str | None,
    typer.Argument(
        metavar="VM",
        help="may be left out where there is only one",
        autocompletion=known_names.vms,
        parser=name,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]
Trust = Annotated[
    bool, typer.Option("--trust", help="let the lab reach the host as its plan says, and remember that")
]
Locked = Annotated[bool, typer.Option("--locked", help="only images that Labfile.lock pins")]
Overcommit = Annotated[bool, typer.Option("--overcommit", help="start VMs whatever memory the host has left")]
Warm = Annotated[
    bool | None,
    typer.Option(
        "--warm/--cold",
        help="bring the lab back from what was saved of it, or save it once it is ready; --cold does neither. "
        "By default as the Labfile says",
        show_default=False,
    ),
]
Adopt = Annotated[bool, typer.Option("--adopt", help="take over a lab that another Labfile made")]
Behind = Annotated[
    list[str] | None,
    typer.Argument(metavar="[-- COMMAND...]", parser=word, help="what to run there, behind --"),
]
User = Annotated[
    str, typer.Option("--user", metavar="USER", help="run as this user, such as root; by default who logs in")
]
