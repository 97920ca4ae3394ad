"""Writes the reference of the commands from the commands: `python -m labctl.cli.docs > docs/commands.md`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from labctl.cli import exits
from labctl.cli.app import TopVerbs
from labctl.cli.options import Options
from labctl.cli.verbs import Verbs
from labctl.core.record import fields
from labctl.report import screen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["reference"]

_HEAD = """\
# The commands

<!-- Generated from labctl/cli/ by `python -m labctl.cli.docs > docs/commands.md`. -->

`labctl COMMAND --help` shows the same. Data goes to standard output, all else to standard error. A name of a VM as it
is written in the Labfile stands for all its instances.

## Exit codes

| code | meaning |
|---|---|
"""


def reference() -> str:
    """Give the whole page as Markdown."""
    top = TopVerbs()
    codes = [f"| {code} | {meaning} |\n" for code, meaning in exits.MEANINGS.items()]
    shared = [each for each in top.get_command(None, "list").params if _is_shared(each)]
    parts = [
        _HEAD,
        *codes,
        "\n## Options of all commands\n\nThey may stand before the command or after it.\n\n",
    ]
    parts += _table("option", shared)
    for panel, verbs in top.panels.items():
        parts.append(f"\n## {panel[0].upper()}{panel[1:]}\n")
        for verb in verbs:
            parts += _verb(top.get_command(None, verb), verb)
    return "".join(parts)


def _verb(command: Any, words: str) -> Iterator[str]:
    """The sections of a command, or of the commands below it."""
    if isinstance(command, Verbs):
        for each in command.list_commands(None):
            yield from _verb(command.get_command(None, each), f"{words} {each}")
        return
    own = [each for each in command.params if not (_is_shared(each) or getattr(each, "hidden", False))]
    arguments = [each for each in own if each.param_type_name == "argument"]
    options = [each for each in own if each.param_type_name == "option"]
    usage = " ".join([words, *["[OPTIONS]"] * bool(options), *map(_in_usage, arguments)])
    yield f"\n### labctl {words}\n\n    labctl {usage}\n\n{command.help}\n"
    for title, some in (("argument", arguments), ("option", options)):
        if some:
            yield "\n"
            yield from _table(title, some)


def _table(title: str, parameters: Iterable[Any]) -> Iterator[str]:
    yield f"| {title} | meaning |\n|---|---|\n"
    for each in parameters:
        meaning = (each.help or "").replace("|", "\\|")
        yield f"| {_written(each)} | {meaning} |\n"


def _written(parameter: Any) -> str:
    """A parameter as one types it."""
    choices = " · ".join(f"`{each}`" for each in getattr(parameter.type, "choices", ()))
    if parameter.param_type_name == "argument":
        return choices or f"`{parameter.metavar or parameter.name.upper()}`"
    value = "" if parameter.is_flag else f" {parameter.metavar or choices}".rstrip()
    return ", ".join(
        f"`{each}{'' if choices else value}`" for each in (*parameter.opts, *parameter.secondary_opts)
    ) + (f" {choices}" if choices else "")


def _in_usage(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _is_shared(parameter: Any) -> bool:
    """Whether it means the same for every verb, and every verb has it: not all have JSON."""
    return parameter.name in {each.name for each in fields(Options)} - {"json"}


if __name__ == "__main__":
    screen.write(sys.stdout, reference())
