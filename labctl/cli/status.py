from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import context, interruptions, run_state
from labctl.cli.arguments import OnlyVms
from labctl.cli.options import Options, with_global_options
from labctl.core.lifecycle import State
from labctl.core.size import format_size
from labctl.report import forwardtext, wrap
from labctl.report.colour import Paint
from labctl.report.statustext import coloured

if TYPE_CHECKING:
    from labctl.app.lab import Lab
    from labctl.app.status import Row, Status
    from labctl.kinds.vm.overview import NicOverview
    from labctl.report.table import Cell

app = typer.Typer(add_completion=False)

HEAD = ("VM", "state", "ready", "addresses", "CPUs", "memory", "disks")


@app.command()
@with_global_options(json="status", labfile=True)
def run(
    options: Options,
    vms: OnlyVms = None,
    *,
    drift: Annotated[
        bool, typer.Option("--drift", help="also show what differs from the Labfile (as --json does)")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="go on, and show each change, until Ctrl-C")
    ] = False,
) -> int:
    """Show the state and addresses of the lab's VMs.

    Example: `labctl status --watch`
    """
    lab = context.lab(options)
    if watch:
        return _watch(lab, options, vms or (), drift=drift)
    found = lab.status(vms or (), drift=options.json or drift)
    if options.json:
        context.write_json(found.to_json())
    elif found.rows:
        context.write(_table(found, options, drift=drift))
    else:
        context.say(f"lab {found.lab} has no VMs")
    if not options.quiet:
        for note in found.notes:
            context.say(f"note: {note}")
    return 0


def _watch(lab: Lab, options: Options, vms: list[str] | tuple[()], *, drift: bool) -> int:
    """Show the lab anew whenever it changes. With --json, each change is a document on a line of its own."""
    from labctl.app.looks import looks
    from labctl.report import redrawing

    last: Status | None = None
    with interruptions.until_interrupted(), redrawing.redrawn(sys.stdout, colour=options.colour) as show:
        for found in looks(lab.session().hosts, lambda: lab.status(vms, drift=drift)):
            if not options.json:
                show(run_state.masked(_with_notes(found, options, drift=drift)))
            elif found != last:
                context.write_json_line(found.to_json())
            last = found
    return 0


def _with_notes(found: Status, options: Options, *, drift: bool) -> str:
    text = _table(found, options, drift=drift) if found.rows else f"lab {found.lab} has no VMs"
    notes = () if options.quiet else found.notes
    width = wrap.width(sys.stdout)
    return "\n".join([text, *(line for note in notes for line in wrap.wrapped([f"note: {note}"], "", width))])


def _table(found: Status, options: Options, *, drift: bool) -> str:
    rows = [[*_cells(row), *([row.drift or ()] if drift else [])] for row in found.rows]
    head = [*HEAD, *(["drift"] if drift else [])]
    return coloured(head, rows, Paint.on_stdout(allowed=options.colour), wrap.width(sys.stdout))


def _cells(row: Row) -> list[Cell]:
    from labctl.app.status import forwards

    vm = row.seen
    if vm is None:
        return [row.name, row.state, "-", (), "-", "-", ()]
    ready = {True: "yes", False: "no", None: "-"}[row.ready] if vm.state == State.RUNNING else "-"
    addresses = [text for nic in vm.nics for text in _addresses(nic)]
    addresses += forwardtext.shown(forwards(vm))
    return [row.name, row.state, ready, addresses, str(vm.cpus), format_size(vm.memory), vm.disks]


def _addresses(nic: NicOverview) -> list[str]:
    """A text for each address, as `front 10.0.0.2`; only the network if the NIC has none."""
    down = " (link down)" if nic.link == "down" else ""
    return [f"{nic.network} {ip}".strip() + down for ip in nic.ips or ("",)]
