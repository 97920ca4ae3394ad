"""The options that every verb takes, before or after its name, and the arguments that several take.

They are declared in words of our own, which `app` tells typer: importing it takes longer than most verbs do. The
annotations are no texts, which would have to be compiled in each run.
"""

import os
from typing import Annotated, Any

from labctl.core.record import fields, record


@record
class Option:
    """What a parameter of a verb is on the command line; without metavar, a flag."""

    names: tuple[str, ...]
    help: str
    metavar: str = ""
    panel: str | None = None  # the heading in the help


@record
class Argument:
    """A word, or all words where the parameter is a list."""

    metavar: str
    help: str


def option(*names: str, help: str, metavar: str = "") -> Option:  # noqa: A002  # typer's name for it
    return Option(names, help, metavar)


def shared(*names: str, help: str, metavar: str = "") -> Option:  # noqa: A002  # as above
    """A global option."""
    return Option(names, help, metavar, "global options, before or after the command")


def argument(metavar: str, *, help: str) -> Argument:  # noqa: A002  # as above
    return Argument(metavar, help)


Vms = Annotated[list[str] | None, argument("VM", help="only these VMs, and what they need")]
OnlyVms = Annotated[list[str] | None, argument("VM", help="only these VMs")]
OneVm = Annotated[str | None, argument("VM", help="may be left out where there is only one")]
Yes = Annotated[bool, option("--yes", "-y", help="do not ask")]
Locked = Annotated[bool, option("--locked", help="only images that Labfile.lock pins")]
Overcommit = Annotated[bool, option("--overcommit", help="start VMs whatever memory the host has left")]
Adopt = Annotated[bool, option("--adopt", help="take over a lab that another Labfile made")]


@record
class Options:
    """What the global options say; typer reads these fields, so the verbs' functions need not repeat them."""

    file: Annotated[
        str | None,
        shared("--file", "-f", metavar="PATH", help="the Labfile, or its folder; - is standard input"),
    ] = None
    connect: Annotated[
        str | None, shared("--connect", "-c", metavar="URI", help="the libvirt connection, as qemu:///system")
    ] = None
    sets: Annotated[
        list[str] | None, shared("--set", metavar="NAME=VALUE", help="set a parameter; repeatable")
    ] = None
    params: Annotated[
        list[str] | None,
        shared("--params", metavar="FILE", help="read parameters from a YAML file; repeatable"),
    ] = None
    json: Annotated[bool, shared("--json", help="print JSON on standard output")] = False
    quiet: Annotated[bool, shared("--quiet", "-q", help="only warnings and errors")] = False
    verbose: Annotated[
        bool, shared("--verbose", "-v", help="tell every operation, and in plans every field")
    ] = False
    debug: Annotated[bool, shared("--debug", help="show tracebacks")] = False
    no_color: Annotated[bool, shared("--no-color", help="also NO_COLOR")] = False
    help: Annotated[bool, shared("--help", "-h", help="show this")] = False
    command: tuple[str, ...] = ()  # what followed `--`: no option

    @classmethod
    def of(cls, values: dict[str, Any]) -> "Options":
        """The global options among these values."""
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})

    def then(self, later: "Options") -> "Options":
        """These and what was given later, which wins; lists grow."""
        both = {
            each.name: _then(getattr(self, each.name), getattr(later, each.name)) for each in fields(self)
        }
        return Options(**both)

    @property
    def colour(self) -> bool:
        return not (self.no_color or os.environ.get("NO_COLOR"))


def _then(first: Any, later: Any) -> Any:
    if isinstance(later, list | tuple):
        return type(later)([*(first or ()), *later])
    return first if later is None or later is False else later
