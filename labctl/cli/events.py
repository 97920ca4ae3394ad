from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import context, exits, interruptions, run_state, sinks
from labctl.cli.arguments import OnlyVms
from labctl.cli.options import Options, with_global_options

if TYPE_CHECKING:
    from labctl.core.events import Event

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json="events")
def run(
    options: Options,
    vms: OnlyVms = None,
    *,
    follow: Annotated[  # noqa: ARG001  # there is nothing else to do
        bool, typer.Option("--follow", "-f", help="the default; --file names a Labfile")
    ] = False,
) -> int:
    """Show what happens to the lab, until Ctrl-C.

    Whoever does it: labctl, virsh or a guest. It begins now, libvirt keeps no
    history.

    Example: `labctl events --json`
    """
    from labctl.app import live_events

    session = context.session(options, labfile_optional=True)
    lines = sinks.json_lines()

    def ready() -> None:
        if options.json:
            lines.begin()
        if not options.quiet:
            context.say(f"waiting for events of lab {session.lab.name}; Ctrl-C ends it")

    sink = run_state.noticed(lines) if options.json else _write
    with interruptions.until_interrupted():
        live_events.follow(session, vms or (), sink, ready)
    return exits.INTERRUPTED


def _write(event: Event) -> None:
    from labctl.core.live import LiveEvent

    if isinstance(event, LiveEvent):
        context.write(f"{event.time[11:19]} {run_state.masked(str(event))}")
