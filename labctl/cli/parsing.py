"""From argv to options, with argparse: typer's imports alone take longer than a whole `labctl status` may.

Global options stand before or after the verb. Only the called verb's module is imported.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import NoReturn

from labctl.cli.verbs import GROUPS, VERBS, module
from labctl.core.errors import UsageError


class Parser(argparse.ArgumentParser):
    """Argparse whose complaints are labctl's errors."""

    def __init__(self, prog: str, **options: object) -> None:
        super().__init__(prog, allow_abbrev=False, add_help=False, **options)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=self._hint(message))

    def _hint(self, message: str) -> str:
        help_ = f"see `{self.prog} --help`"
        unknown = message.partition("unrecognized arguments: ")[2].split(" ")[0].partition("=")[0]
        if not unknown.startswith("-"):
            return help_
        near = close(unknown, [name for action in self._actions for name in action.option_strings])
        return f"did you mean {near}? Else {help_}" if near else help_


def parse(argv: list[str]) -> tuple[str | None, argparse.Namespace]:
    """Give the verb and its options; None as verb when help was all that was asked for.

    What follows `--` becomes `options.command`.

    Raises:
        UsageError: the command line is wrong.
    """
    words, command = _split(argv)
    parser = global_parser()
    at = _verb_at(words, parser)
    options = parser.parse_args(words[:at])
    verb, rest = (words[at], words[at + 1 :]) if at < len(words) else ("", [])
    if verb == "help":
        verb, rest, options.help = "".join(rest[:1]), [], True
    if not verb and (options.help or not words):
        _print(overview())
        return None, options
    options.command = command
    parser = verb_parser(verb)
    if options.help or {"-h", "--help"} & set(rest):  # even where a required word is missing
        _print(parser.format_help())
        return None, options
    parser.parse_intermixed_args(rest, options)
    if command and not getattr(options, "takes_command", False):
        raise UsageError(f"`labctl {verb}` takes nothing after --")
    return verb, options


def global_parser() -> Parser:
    """The parser of what stands before the verb."""
    parser = Parser("labctl")
    add_globals(parser)
    return parser


def find_verb(words: list[str]) -> str | None:
    """The verb among these words, None where there is none yet."""
    at = _verb_at(words, global_parser())
    return words[at] if at < len(words) else None


def _verb_at(words: list[str], parser: argparse.ArgumentParser) -> int:
    """The place of the first word that is neither an option nor an option's value; the length when there is none."""
    valued = {name for action in parser._actions if action.nargs is None for name in action.option_strings}  # noqa: SLF001
    value = False
    for at, word in enumerate(words):
        if not value and (not word.startswith("-") or word == "-"):
            return at
        value = word in valued and not value
    return len(words)


def verb_parser(verb: str) -> Parser:
    """The parser of one verb, which its module completes.

    Raises:
        UsageError: there is no such verb; the nearest is named.
    """
    if verb not in VERBS:
        if not verb:
            raise UsageError("no command given", hint="`labctl --help` lists them")
        near = close(verb, list(VERBS))
        hint = f"did you mean `labctl {near}`?" if near else "`labctl --help` lists the commands"
        raise UsageError(f"no such command: {verb}", hint=hint)
    parser = Parser(
        f"labctl {verb}",
        description=f"{VERBS[verb][0].upper()}{VERBS[verb][1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    own = parser.add_argument_group("options")
    import_module(module(verb)).arguments(parser, own)
    add_globals(parser, again=True)
    return parser


def add_globals(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """Add the options that every verb has; `again` leaves alone what was given before the verb."""
    group = parser.add_argument_group("global options, before or after the command")

    def add(*names: str, default: object = None, **settings: object) -> None:
        group.add_argument(*names, default=argparse.SUPPRESS if again else default, **settings)  # type: ignore[arg-type]

    add("-f", "--file", metavar="PATH", help="the Labfile, or its folder; - is standard input")
    add("-c", "--connect", metavar="URI", help="the libvirt connection, as qemu:///system")
    add("--set", metavar="NAME=VALUE", action="append", dest="sets", help="set a parameter; repeatable")
    add("--params", metavar="FILE", action="append", help="read parameters from a YAML file; repeatable")
    add("--json", action="store_true", default=False, help="print JSON on standard output")
    add("-q", "--quiet", action="store_true", default=False, help="only warnings and errors")
    add("-v", "--verbose", action="store_true", default=False, help="tell every operation")
    add("--debug", action="store_true", default=False, help="show tracebacks")
    add("--no-color", action="store_true", default=bool(os.environ.get("NO_COLOR")), help="also NO_COLOR")
    add("-h", "--help", action="store_true", default=False, help="show this")


def overview() -> str:
    """The text of `labctl --help`."""
    lines = ["usage: labctl [OPTIONS] COMMAND [VM...]", "", "Virtual labs on libvirt from one Labfile."]
    for group, verbs in GROUPS.items():
        lines += ["", f"{group}:"]
        lines += [f"  {verb:<12}{text}" for verb, text in verbs.items()]
    settings = argparse.ArgumentParser(add_help=False, usage=argparse.SUPPRESS)
    add_globals(settings)
    return "\n".join(
        [*lines, "", settings.format_help().strip(), "", "`labctl COMMAND --help` tells more.", ""]
    )


def close(word: str, known: list[str]) -> str:
    """The nearest known word, or the empty string."""
    import difflib

    return next(iter(difflib.get_close_matches(word, known, n=1)), "")


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """Cut at the first `--`."""
    if "--" not in argv:
        return argv, []
    cut = argv.index("--")
    return argv[:cut], argv[cut + 1 :]


def _print(text: str) -> None:
    sys.stdout.write(text)
