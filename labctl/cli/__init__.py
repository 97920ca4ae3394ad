"""The command line: parses with typer, calls a use case, and returns its exit code.

`app` has the typer application, in which each verb is one word. A verb is a file: the parameters of its `run` are the
arguments and options of the verb, its docstring is the help, and its result is the exit code. `options` has the global
options, `arguments` those that several verbs take, `context` and `change` what verbs share (docs/adr/0007).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


def run(argv: list[str]) -> int:
    """Run one command and return its exit code.

    Raises:
        LabctlError: the command failed. `boundary` shows the error.
    """
    call = parse(argv)
    if not callable(call):
        return call
    from labctl.cli import inside, interruptions, options  # as typer below

    if isinstance(call, options.Call) and call.libvirt:
        inside.go(call.options, labfile=call.labfile)
    interruptions.watch()  # a process with several threads could not go inside
    return call()


def parse(argv: list[str]) -> Callable[[], int] | int:
    """The call of the verb that `argv` names, or the exit code if typer did all of it, as for `--help`.

    Raises:
        UsageError: the command line is wrong.
    """
    import typer  # late, since Ctrl-C is dealt with only once this package is imported

    from labctl.cli import other_tools
    from labctl.cli.app import app

    try:
        return app(argv or ["--help"], prog_name="labctl", standalone_mode=False)  # type: ignore[no-any-return]
    except typer.TyperException as error:
        ctx = getattr(error, "ctx", None)  # of the command that rejected its arguments
        path = ctx.command_path if ctx else "labctl"
        known = other_tools.option_hint(path, getattr(error, "option_name", ""))
        # typer puts choices on lines of their own, and names options that look like an unknown one
        message = " ".join((error.message if known else error.format_message()).split()).rstrip(".")
        hint = known or f"see `{path} --help`"
        raise UsageError(f"{message[0].lower()}{message[1:]}", hint=hint) from error
