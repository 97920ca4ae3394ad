from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.cli import context

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _ArgumentGroup

HEAD = ("lab", "VMs", "running", "networks", "Labfile")


def arguments(_parser: ArgumentParser, _own: _ArgumentGroup) -> None:
    """Only the global options."""


def run(options: Namespace) -> int:
    from labctl.app.listing import FORMAT, labs
    from labctl.host.connection import Connection, choose_uri
    from labctl.report.colour import Paint
    from labctl.report.table import table

    connection = Connection(choose_uri(options.connect))
    found = labs(connection)
    if options.json:
        context.write_json({"format": FORMAT, "labs": [lab.to_json() for lab in found]})
    elif found:
        rows = [
            [lab.name, str(lab.vms), str(lab.running), ", ".join(lab.networks) or "-", _files(lab.files)]
            for lab in found
        ]
        context.write(table(HEAD, rows, Paint.on_stdout(allowed=not options.no_color)))
    else:
        context.say(f"no lab on {connection.uri}")
    return 0


def _files(files: set[str]) -> str:
    return ", ".join(sorted(files)) or "(unknown: only its storage pool is left)"
