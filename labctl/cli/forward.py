from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import arguments, context, interruptions, known_names
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import UsageError
from labctl.report import wrap
from labctl.report.colour import Paint
from labctl.report.table import table

if TYPE_CHECKING:
    from labctl.app.forward import Listing

app = typer.Typer(add_completion=False)

HEAD = ("VM", "this host", "the VM", "protocol", "state")


@app.command()
@with_global_options(json="forward")
def run(
    options: Options,
    vm: Annotated[
        str | None,
        typer.Argument(
            metavar="VM",
            help="list those of this VM only",
            autocompletion=known_names.vms,
            parser=arguments.name,
        ),
    ] = None,
    ports: Annotated[
        str | None,
        typer.Argument(
            metavar="HOST:GUEST",
            help="forward these ports, or ranges, until Ctrl-C; in full ADDRESS:HOST:GUEST/udp",
            parser=arguments.word,
        ),
    ] = None,
) -> int:
    """List forwards of ports to VMs, or make one until Ctrl-C.

    Those under `forwards` in the Labfile are made by `up`, and stay.

    Example: `labctl forward web 8080:80`
    """
    from labctl.app import forward

    session = context.session(options, labfile_optional=True)
    if vm and ports:
        if options.json:
            raise UsageError("--json is for the list of forwards", hint="leave out the ports, or --json")
        with interruptions.until_interrupted():
            forward.forward(session, vm, ports, context.say)
    _show(forward.listing(session, [vm] if vm else ()), options)
    return 0


def _show(found: Listing, options: Options) -> None:
    if options.json:
        context.write_json(found.to_json())
    elif found.forwards:
        rows = [
            [vm, str(each.listens), each.to, each.protocol, "running" if each.alive else "not running"]
            for vm, each in found.forwards
        ]
        context.write(table(HEAD, rows, Paint.on_stdout(allowed=options.colour), wrap.width(sys.stdout)))
    else:
        context.say(f"lab {found.lab} has no forwards")
