"""Completion of verbs, options and VM names in the shell. The scripts ask `labctl completion words -- WORDS…`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.cli import context, parsing
from labctl.cli.verbs import VERBS
from labctl.core.errors import LabctlError, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup

_BASH = """\
_labctl() {
    local IFS=$'\\n' words
    words=$(labctl completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _labctl labctl
"""
_FISH = "(labctl completion words -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)"
SCRIPTS = {
    "bash": _BASH,
    "zsh": f"autoload -U +X bashcompinit && bashcompinit\n{_BASH}",
    "fish": f"complete -c labctl -a '{_FISH}'\n",
}


def arguments(parser: ArgumentParser, _own: _ArgumentGroup) -> None:
    usage = 'eval "$(labctl completion bash)"'
    parser.add_argument("shell", metavar="SHELL", help=f"{', '.join(SCRIPTS)}; as in: {usage}")
    parser.set_defaults(takes_command=True)


def run(options: Namespace) -> int:
    if options.shell == "words":
        context.write("\n".join(candidates(options.command)))
        return 0
    if options.shell not in SCRIPTS:
        raise UsageError(f"no completion for {options.shell}", hint=f"known: {', '.join(SCRIPTS)}")
    context.write(SCRIPTS[options.shell])
    return 0


def candidates(words: list[str]) -> list[str]:
    """What could stand in the place of the last word, which may be begun or empty."""
    *before, last = words or [""]
    if "--" in before:
        return []
    verb = parsing.find_verb(before)
    if verb is None:
        return _options(parsing.global_parser()) if last.startswith("-") else list(VERBS)
    if verb not in VERBS:
        return []
    parser = parsing.verb_parser(verb)
    if last.startswith("-"):
        return _options(parser)
    if any(action.dest in ("vm", "vms") for action in parser._actions):  # noqa: SLF001
        return _vms(before)
    return []


def _options(parser: ArgumentParser) -> list[str]:
    return sorted(name for action in parser._actions for name in action.option_strings)  # noqa: SLF001


def _vms(words: list[str]) -> list[str]:
    """The VMs of the Labfile that these words name, as written and each instance; none where it can't be read."""
    from labctl.app.names import names

    try:
        _, options = parsing.parse(words)
        found = names(context.session(options)).vms
    except LabctlError:
        return []
    return sorted({*found, *found.values()})
