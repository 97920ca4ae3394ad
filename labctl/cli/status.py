from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from labctl.cli import context
from labctl.cli.options import OnlyVms, Options, option

if TYPE_CHECKING:
    from labctl.app.status import Row, Status

HEAD = ("VM", "state", "ready", "addresses", "CPUs", "memory", "disks")


def run(
    options: Options,
    vms: OnlyVms = None,
    *,
    drift: Annotated[
        bool, option("--drift", help="also tell what differs from the Labfile (as --json does)")
    ] = False,
) -> int:
    from labctl.app.status import status

    session = context.session(options, standing=True)
    session.standing = False  # it tells itself what only the Labfile says
    seen = status(session, vms or (), drift=options.json or drift)
    if options.json:
        context.write_json(seen.to_json())
    else:
        _show(seen, options, drift=drift)
    if not options.quiet:
        for note in seen.notes:
            context.say(f"note: {note}")
    return 0


def _show(seen: Status, options: Options, *, drift: bool) -> None:
    from labctl.report.colour import Paint
    from labctl.report.statustext import coloured

    if not seen.rows:
        context.say(f"lab {seen.lab} has no VMs")
        return
    rows = [[*_cells(row), *([", ".join(row.drift or ()) or "-"] if drift else [])] for row in seen.rows]
    head = [*HEAD, *(["drift"] if drift else [])]
    context.write(coloured(head, rows, Paint.on_stdout(allowed=options.colour)))


def _cells(row: Row) -> list[str]:
    from labctl.core.size import size

    seen = row.seen
    if seen is None:
        return [row.name, row.state, "-", "-", "-", "-", "-"]
    addresses = ", ".join(" ".join([nic.network, *nic.ips]) for nic in seen.nics)
    ready = ("yes" if seen.ready else "no") if seen.state == "running" else "-"
    disks = ", ".join(seen.disks) or "-"
    return [row.name, row.state, ready, addresses or "-", str(seen.cpus), size(seen.memory), disks]
