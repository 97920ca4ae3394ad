from __future__ import annotations

from typing import Annotated

import typer

from labctl.cli import arguments, context, known_names
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import UsageError

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json=None)
def run(
    options: Options,
    vm: Annotated[str, typer.Argument(metavar="VM", autocompletion=known_names.vms, parser=arguments.name)],
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY...", help="such as enter, f1, a, ctrl-alt-delete", parser=arguments.word),
    ] = None,
    *,
    text: Annotated[
        str, typer.Option("--text", metavar="TEXT", help="a text to type first, on a US keyboard")
    ] = "",
) -> int:
    """Press keys on a VM's keyboard.

    Keys that are pressed together have a - between them.

    Example: `labctl send-keys web --text root enter`
    """
    from labctl.app.screen_and_keys import press
    from labctl.core.keyboard import named, typed

    chords = [*typed(text), *named(keys or ())]
    if not chords:
        raise UsageError("which keys?", hint="as in `labctl send-keys web ctrl-alt-delete`")
    press(context.session(options, labfile_optional=True), vm, chords)
    return 0
