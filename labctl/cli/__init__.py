"""The command line: parse with typer, call a use case, give its exit code.

`app` is the typer application, in which each verb is one line. A verb is a file of its own: its `run` has the verb's
arguments and options as parameters, its help as docstring, and the exit code as result. `options` are the global ones,
`arguments` those that several verbs take, `context` and `change` what verbs share (docs/adr/0007).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def run(argv: list[str]) -> int:
    """Run one command and give its exit code.

    Raises:
        LabctlError: what went wrong, for the boundary in `__main__`.
    """
    call = parse(argv)
    return call() if callable(call) else call


def parse(argv: list[str]) -> Callable[[], int] | int:
    """The call of the verb that the words name, or the exit code where typer has done all there is, as for `--help`.

    Raises:
        UsageError: the command line is wrong.
    """
    import typer

    from labctl.cli.app import app
    from labctl.core.errors import UsageError

    try:
        return app(argv or ["--help"], prog_name="labctl", standalone_mode=False)  # type: ignore[no-any-return]
    except typer.TyperException as error:
        message = " ".join(error.format_message().split()).rstrip(".")  # choices stand on lines of their own
        ctx = getattr(error, "ctx", None)  # of the command whose words are wrong
        path = ctx.command_path if ctx else "labctl"
        raise UsageError(f"{message[0].lower()}{message[1:]}", hint=f"see `{path} --help`") from error
