"""What a verb takes, read off the annotations of its function: both readers of a command line go by this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from labctl.cli.options import Argument, Option, Options
from labctl.core.record import MISSING, fields, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@record
class Parameter:
    """A parameter of a verb: its type, how it is declared, and what it is where it is left out (or MISSING)."""

    name: str
    type: Any
    declared: Option | Argument
    default: Any = None


def parameters(run: Callable[..., int]) -> Iterator[Parameter]:
    """What a verb's function takes besides the global options, which are its first parameter."""
    run = getattr(run, "__wrapped__", run)  # as functools.wraps leaves it
    hints, code = get_type_hints(run, include_extras=True), run.__code__
    positional = code.co_varnames[: code.co_argcount]
    by_place = run.__defaults__ or ()
    defaults = dict(zip(positional[len(positional) - len(by_place) :], by_place, strict=True))
    defaults |= run.__kwdefaults__ or {}
    for name in code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]:
        kind, declared = get_args(hints[name])
        yield Parameter(name, kind, declared, defaults.get(name, MISSING))


def global_parameters() -> Iterator[Parameter]:
    """The global options, which stand before the verb or after."""
    hints = get_type_hints(Options, include_extras=True)
    for each in fields(Options):
        kind, *declared = get_args(hints[each.name])
        if declared and isinstance(declared[0], Option):
            yield Parameter(each.name, kind, declared[0], each.default)
