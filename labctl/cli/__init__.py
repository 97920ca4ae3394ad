"""The command line: parse with typer, call a use case, give its exit code.

`verbs` is the table of the verbs, `app` the typer application made from it, `options` what every verb takes,
`context` and `change` what verbs share. Each verb is one file whose `run` is a typer command: its parameters are
the verb's own arguments and options, its result the exit code. Only the called verb's file is imported. `words` spares
typer where a command line is plainly right (docs/adr/0007).
"""

from __future__ import annotations


def run(argv: list[str]) -> int:
    """Run one command and give its exit code.

    Raises:
        LabctlError: what went wrong, for the boundary in `__main__`.
    """
    from labctl.cli.words import plain

    if call := plain(argv):
        return call()
    from labctl.cli.app import invoke

    return invoke(argv)
