from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import context
from labctl.cli.arguments import OnlyVms
from labctl.cli.options import Options, with_global_options
from labctl.core.lifecycle import State
from labctl.core.size import format_size
from labctl.report import wrap
from labctl.report.colour import Paint
from labctl.report.statustext import coloured

if TYPE_CHECKING:
    from labctl.app.status import Row, Status
    from labctl.kinds.vm.overview import NicOverview
    from labctl.report.table import Cell

app = typer.Typer(add_completion=False)

HEAD = ("VM", "state", "ready", "addresses", "CPUs", "memory", "disks")


@app.command()
@with_global_options
def run(
    options: Options,
    vms: OnlyVms = None,
    *,
    drift: Annotated[
        bool, typer.Option("--drift", help="also show what differs from the Labfile (as --json does)")
    ] = False,
) -> int:
    """Show the state and addresses of the lab's VMs.

    Example: `labctl status --json`
    """
    found = context.lab(options).status(vms or (), drift=options.json or drift)
    if options.json:
        context.write_json(found.to_json())
    else:
        _show(found, options, drift=drift)
    if not options.quiet:
        for note in found.notes:
            context.say(f"note: {note}")
    return 0


def _show(found: Status, options: Options, *, drift: bool) -> None:
    if not found.rows:
        context.say(f"lab {found.lab} has no VMs")
        return
    rows = [[*_cells(row), *([row.drift or ()] if drift else [])] for row in found.rows]
    head = [*HEAD, *(["drift"] if drift else [])]
    context.write(coloured(head, rows, Paint.on_stdout(allowed=options.colour), wrap.width(sys.stdout)))


def _cells(row: Row) -> list[Cell]:
    vm = row.seen
    if vm is None:
        return [row.name, row.state, "-", (), "-", "-", ()]
    ready = {True: "yes", False: "no", None: "-"}[row.ready] if vm.state == State.RUNNING else "-"
    addresses = [text for nic in vm.nics for text in _addresses(nic)]
    return [row.name, row.state, ready, addresses, str(vm.cpus), format_size(vm.memory), vm.disks]


def _addresses(nic: NicOverview) -> list[str]:
    """A text for each address, as `front 10.0.0.2`; only the network if the NIC has none."""
    down = " (link down)" if nic.link == "down" else ""
    return [f"{nic.network} {ip}".strip() + down for ip in nic.ips or ("",)]
