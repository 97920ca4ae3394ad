from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labctl.cli import arguments, context, known_names
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import UsageError

app = typer.Typer(add_completion=False)

Listed = Annotated[
    bool, typer.Option("--list", help="what Ansible asks of an inventory script: all, as JSON")
]
HostName = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="VM",
        help="the variables of one VM, as JSON",
        autocompletion=known_names.instances,
        parser=arguments.name,
    ),
]
Output = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="write it to a file", parser=arguments.path),
]
_SUFFIXES = ("", ".yaml", ".yml", ".json")  # Ansible takes a file with another one for INI


@app.command()
@with_global_options(
    json="https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html", labfile=True
)
def run(
    options: Options,
    *,
    listed: Listed = False,
    host: HostName = None,
    output: Output = None,
) -> int:
    """Print the lab as an inventory of Ansible.

    Groups and counted VMs are groups, and SSH goes the way that `labctl ssh` goes. VMs that SSH does not lead to are
    named. A script that runs `labctl inventory "$@"` is a dynamic inventory.

    Example: `labctl inventory -o hosts.yaml && ansible-playbook -i hosts.yaml site.yaml`
    """
    from labctl.app.inventory import inventory, variables, write

    if sum((listed, host is not None, output is not None)) > 1:
        raise UsageError("--list, --host and -o exclude each other", hint="take one of them")
    if output is not None and Path(output).suffix not in _SUFFIXES:
        raise UsageError(
            f"Ansible would not read {output} as YAML", hint="let its name end in .yaml or .json"
        )
    session = context.session(options)
    found, reasons = inventory(session)
    if listed or host is not None:
        context.write_json(found.listing() if host is None else variables(found, host))
    else:
        text = found.text(as_json=options.json or (output or "").endswith(".json"))
        if output is None:
            context.write(text)
        else:
            write(text, Path(output))
        context.say_where_reached(session, options)
    if not options.quiet:
        for vm, why in reasons.items():
            context.say(f"warning: SSH does not lead to {vm}: {why}")
    return 0
