"""Reads a command line that is plainly right, without typer.

Importing typer and having it parse takes longer than all that `status` does. So what every word of is known goes this
way; whatever else it may be (help, a mistake, a value glued to its option) is typer's, which says it better.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, get_args, get_origin

from labctl.cli.options import Argument, Option, Options
from labctl.cli.parameters import Parameter, global_parameters, parameters
from labctl.cli.verbs import NESTED, TAKES_COMMAND, VERBS, module
from labctl.core.record import MISSING, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@record
class Call:
    """A verb, its function, and what it is to be called with."""

    verb: tuple[str, ...]  # ("image", "list")
    run: Callable[..., int]
    options: Options
    own: dict[str, Any]

    def __call__(self) -> int:
        return self.run(self.options, **self.own)


class _Unclear(Exception):
    """A question for typer."""


def plain(argv: list[str]) -> Call | None:
    """The call that this is, None where that takes more than a look at each word."""
    cut = argv.index("--") if "--" in argv else len(argv)
    try:
        return _read(iter(argv[:cut]), tuple(argv[cut + 1 :]))
    except _Unclear:
        return None


def _read(words: Iterator[str], command: tuple[str, ...]) -> Call:
    taken = list(global_parameters())
    given: dict[str, Any] = {}
    verb = _verb(_options(words, taken, given), VERBS)
    path = (verb, _verb(_options(words, taken, given), NESTED[verb])) if verb in NESTED else (verb,)
    if command and verb not in TAKES_COMMAND:
        raise _Unclear
    run: Callable[..., int] = import_module(module(*path)).run
    own = list(parameters(run))
    rest = []
    while (word := _options(words, [*taken, *own], given)) is not None:
        rest.append(word)
    _arguments(rest, own, given)
    options = Options.of({"command": command, **given})
    return Call(path, run, options, {each.name: given.get(each.name, each.default) for each in own})


def _verb(word: str | None, known: dict[str, str]) -> str:
    return word if word in known else _unclear()


def _options(words: Iterator[str], taken: list[Parameter], given: dict[str, Any]) -> str | None:
    """Take options up to the next word that is none; None at the end."""
    for word in words:
        if not word.startswith("-") or word == "-":
            return word
        name, equals, value = word.partition("=")
        found = next((t for t in taken if isinstance(t.declared, Option) and name in t.declared.names), None)
        if found is None or found.name == "help":
            raise _Unclear
        if found.type is bool:
            given[found.name] = not equals or _unclear()
        else:
            text = value if equals else next(words, None) or _unclear()
            given[found.name] = [*given.get(found.name, ()), text] if _many(found) else _value(found, text)
    return None


def _many(parameter: Parameter) -> bool:
    return any(get_origin(each) is list for each in (parameter.type, *get_args(parameter.type)))


def _value(parameter: Parameter, text: str) -> Any:
    if int not in (parameter.type, *get_args(parameter.type)):
        return text
    try:
        return int(text)
    except ValueError:
        raise _Unclear from None


def _unclear() -> Any:
    raise _Unclear


def _arguments(rest: list[str], own: list[Parameter], given: dict[str, Any]) -> None:
    """Give the words that are no options to the arguments, in their order."""
    for each in own:
        if isinstance(each.declared, Argument):
            if not rest and each.default is MISSING:
                raise _Unclear
            if rest:
                given[each.name] = rest if _many(each) else _value(each, rest[0])
                rest = [] if _many(each) else rest[1:]
    if rest:
        raise _Unclear
