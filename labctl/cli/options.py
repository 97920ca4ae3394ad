"""The options that every verb takes, before or after its name, and the arguments that several take."""

from __future__ import annotations

import inspect
import os
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def option(*names: str, help: str, metavar: str = "") -> Any:  # noqa: A002  # typer's name for it
    """An option; without metavar, a flag."""
    return typer.Option(*names, metavar=metavar, help=help, show_default=False)


def shared(*names: str, help: str, metavar: str = "") -> Any:  # noqa: A002  # as above
    """A global option."""
    panel = "global options, before or after the command"
    return typer.Option(*names, metavar=metavar, help=help, show_default=False, rich_help_panel=panel)


def argument(metavar: str, *, help: str) -> Any:  # noqa: A002  # as above
    return typer.Argument(metavar=metavar, help=help, show_default=False)


Vms = Annotated[list[str] | None, argument("VM", help="only these VMs, and what they need")]
OnlyVms = Annotated[list[str] | None, argument("VM", help="only these VMs")]
OneVm = Annotated[str | None, argument("VM", help="may be left out where there is only one")]
Yes = Annotated[bool, option("--yes", "-y", help="do not ask")]
Adopt = Annotated[bool, option("--adopt", help="take over a lab that another Labfile made")]


@dataclass(frozen=True)
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
    verbose: Annotated[bool, shared("--verbose", "-v", help="tell every operation")] = False
    debug: Annotated[bool, shared("--debug", help="show tracebacks")] = False
    no_color: Annotated[bool, shared("--no-color", help="also NO_COLOR")] = False
    help: Annotated[bool, shared("--help", "-h", help="show this")] = False
    command: tuple[str, ...] = ()  # what followed `--`: no option

    @classmethod
    def of(cls, values: dict[str, Any]) -> Options:
        """The global options among these values."""
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})

    def then(self, later: Options) -> Options:
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


def with_globals(run: Callable[..., int], own: Iterable[inspect.Parameter] = ()) -> Callable[..., int]:
    """`run(ctx, options, **own)` as typer wants it: each global option is a parameter, behind its own ones."""

    def command(ctx: typer.Context, **given: Any) -> int:
        later = Options.of(given)
        return run(ctx, ctx.obj.then(later), **{name: given[name] for name in given.keys() - globals_})

    globals_ = dict(inspect.signature(Options, eval_str=True).parameters)
    del globals_["command"]
    kind = inspect.Parameter.KEYWORD_ONLY
    first = inspect.Parameter("ctx", kind, annotation=typer.Context)
    parameters = [first, *(each.replace(kind=kind) for each in (*own, *globals_.values()))]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command
