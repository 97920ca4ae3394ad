from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.cli import context

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup

    from labctl.app.status import Row, Status

HEAD = ("VM", "state", "ready", "addresses", "CPUs", "memory", "disks")


def arguments(parser: ArgumentParser, own: _ArgumentGroup) -> None:
    context.vm_arguments(parser, "only these VMs")
    own.add_argument(
        "--drift", action="store_true", help="also tell what differs from the Labfile (as --json does)"
    )


def run(options: Namespace) -> int:
    from labctl.app.status import status

    session = context.session(options)
    seen = status(session, options.vms, drift=options.json or options.drift)
    if options.json:
        context.write_json(seen.to_json())
    else:
        _show(seen, options)
    if not options.quiet:
        for note in seen.notes:
            context.say(f"note: {note}")
    return 0


def _show(seen: Status, options: Namespace) -> None:
    from labctl.report.colour import Paint
    from labctl.report.statustext import coloured

    if not seen.rows:
        context.say(f"lab {seen.lab} has no VMs")
        return
    rows = [
        [*_cells(row), *([", ".join(row.drift or ()) or "-"] if options.drift else [])] for row in seen.rows
    ]
    head = [*HEAD, *(["drift"] if options.drift else [])]
    context.write(coloured(head, rows, Paint.on_stdout(allowed=not options.no_color)))


def _cells(row: Row) -> list[str]:
    from labctl.core.diff import size

    seen = row.seen
    if seen is None:
        return [row.name, row.state, "-", "-", "-", "-", "-"]
    addresses = ", ".join(f"{nic.network} {nic.ip}" if nic.ip else nic.network for nic in seen.nics)
    ready = ("yes" if seen.ready else "no") if seen.state == "running" else "-"
    disks = ", ".join(seen.disks) or "-"
    return [row.name, row.state, ready, addresses or "-", str(seen.cpus), size(seen.memory), disks]
