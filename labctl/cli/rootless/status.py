from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from labctl.cli import context
from labctl.cli.options import Options, with_global_options

if TYPE_CHECKING:
    from labctl.host.host import Host

app = typer.Typer(add_completion=False)

FORMAT = 1


@app.command()
@with_global_options(json="rootless", libvirt=False)
def run(options: Options) -> int:
    """Say whether your own libvirt runs, and where its files are.

    Example: `labctl rootless status`
    """
    from labctl.host.host import Host
    from labctl.host.rootless import state, world

    found, folder = world.running(), str(state.root())
    if options.json:
        pid = found.keeper.pid if found else None
        context.write_json({"format": FORMAT, "running": found is not None, "pid": pid, "folder": folder})
        return 0
    said = f"running, kept by PID {found.keeper.pid}" if found else "not running; the next command starts it"
    context.write(f"your own libvirt: {said}\nits files: {folder}\nwhat uses it: {_use(Host())}")
    return 0


def _use(host: Host) -> str:
    """Which commands go inside, and why."""
    if not host.rootless:
        return f"`labctl -c rootless`; without -c it is {host.uri}"
    why = f"the system's libvirt {host.why_rootless}" if host.why_rootless else "the environment says so"
    return f"`labctl`, since {why}"
