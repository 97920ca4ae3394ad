from __future__ import annotations

import sys

import typer

from labctl.cli import context
from labctl.cli.options import Options, with_global_options
from labctl.report import wrap
from labctl.report.colour import Paint
from labctl.report.phrases import place
from labctl.report.table import table

app = typer.Typer(add_completion=False)

HEAD = ("lab", "VMs", "running", "networks", "Labfile")


@app.command()
@with_global_options(json="labs")
def run(options: Options) -> int:
    """List all labs of this host.

    Example: `labctl list`
    """
    from labctl.app.listing import FORMAT, labs
    from labctl.host.host import Host

    host = Host(options.connect)
    found = labs(host)
    if options.json:
        context.write_json({"format": FORMAT, "labs": [lab.to_json() for lab in found]})
    elif found:
        rows = [[lab.name, str(lab.vms), str(lab.running), lab.networks, _files(lab.files)] for lab in found]
        context.write(table(HEAD, rows, Paint.on_stdout(allowed=options.colour), wrap.width(sys.stdout)))
    else:
        context.say(f"no lab on {place(host.place)}")
    return 0


def _files(files: set[str]) -> list[str]:
    return sorted(files) or ["(unknown: only its storage pool is left)"]
