"""The command line: parse, call a use case, give its exit code. One file per verb, imported when it is called."""

from __future__ import annotations

from importlib import import_module


def run(argv: list[str]) -> int:
    """Run one command and give its exit code.

    Raises:
        LabctlError: what went wrong, for the boundary in `__main__`.
    """
    from labctl.cli.parsing import parse
    from labctl.cli.verbs import module

    verb, options = parse(argv)
    if verb is None:
        return 0
    return int(import_module(module(verb)).run(options))
