from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import context
from labctl.cli.arguments import OnlyVms
from labctl.cli.options import Options, with_global_options
from labctl.core.lifecycle import State
from labctl.core.size import size
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
        bool, typer.Option("--drift", help="also tell what differs from the Labfile (as --json does)")
    ] = False,
) -> int:
    """Tell the state and addresses of the lab's VMs."""
    seen = context.lab(options).status(vms or (), drift=options.json or drift)
    if options.json:
        context.write_json(seen.to_json())
    else:
        _show(seen, options, drift=drift)
    if not options.quiet:
        for note in seen.notes:
            context.say(f"note: {note}")
    return 0


def _show(seen: Status, options: Options, *, drift: bool) -> None:
    if not seen.rows:
        context.say(f"lab {seen.lab} has no VMs")
        return
    rows = [[*_cells(row), *([row.drift or ()] if drift else [])] for row in seen.rows]
    head = [*HEAD, *(["drift"] if drift else [])]
    context.write(coloured(head, rows, Paint.on_stdout(allowed=options.colour), wrap.width(sys.stdout)))


def _cells(row: Row) -> list[Cell]:
    seen = row.seen
    if seen is None:
        return [row.name, row.state, "-", (), "-", "-", ()]
    ready = {True: "yes", False: "no", None: "-"}[row.ready] if seen.state == State.RUNNING else "-"
    addresses = [text for nic in seen.nics for text in _addresses(nic)]
    return [row.name, row.state, ready, addresses, str(seen.cpus), size(seen.memory), seen.disks]


def _addresses(nic: NicOverview) -> list[str]:
    """`front 10.0.0.2`, a text for each address; of a NIC without one its network."""
    down = " (link down)" if nic.link == "down" else ""
    return [f"{nic.network} {ip}".strip() + down for ip in nic.ips or ("",)]
