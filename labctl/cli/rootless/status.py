from __future__ import annotations

import typer

from labctl.cli import context
from labctl.cli.options import Options, with_global_options

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json=None, libvirt=False)
def run(_options: Options) -> int:
    """Say whether your own libvirt runs, and where its files are.

    Example: `labctl rootless status`
    """
    from labctl.host.rootless import state, world

    found = world.running()
    said = f"running, kept by PID {found.keeper.pid}" if found else "not running; the next command starts it"
    context.write(f"your own libvirt: {said}\nits files: {state.root()}")
    return 0
