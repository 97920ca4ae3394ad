"""Completion of verbs, options and VM names in the shell. The scripts ask `labctl completion words -- WORDS…`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from labctl.cli import context
from labctl.cli.options import Options, argument
from labctl.cli.verbs import NESTED, VERBS
from labctl.core.errors import LabctlError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

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


USAGE = 'eval "$(labctl completion bash)"'


def run(
    options: Options,
    shell: Annotated[str, argument("SHELL", help=f"{', '.join(SCRIPTS)}; as in: {USAGE}")],
) -> int:
    if shell == "words":
        context.write("\n".join(candidates(options.command)))
        return 0
    if shell not in SCRIPTS:
        raise UsageError(f"no completion for {shell}", hint=f"known: {', '.join(SCRIPTS)}")
    context.write(SCRIPTS[shell])
    return 0


def candidates(words: Sequence[str]) -> list[str]:
    """What could stand in the place of the last word, which may be begun or empty."""
    from labctl.cli.app import reached

    *before, last = words or [""]
    if "--" in before:
        return []
    try:
        verb, parameters, options = reached(before)
        if last.startswith("-"):
            return sorted(name for each in parameters for name in each.opts if name.startswith("-"))
        if not verb:
            return list(VERBS)
        if verb[0] in NESTED and not verb[1:]:
            return list(NESTED[verb[0]])
        return _vms(options) if any(each.name in ("vm", "vms") for each in parameters) else []
    except LabctlError:
        return []


def _vms(options: Options) -> list[str]:
    """The VMs of the Labfile, as written and each instance.

    Raises:
        LabctlError: it can't be read.
    """
    from labctl.app.names import names

    found = names(context.session(options)).vms
    return sorted({*found, *found.values()})
