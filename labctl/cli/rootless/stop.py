from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from labctl.cli import context, prompts
from labctl.cli.arguments import Yes
from labctl.cli.options import Options, with_global_options
from labctl.core.errors import UsageError

if TYPE_CHECKING:
    from labctl.app.rootless import Running

app = typer.Typer(add_completion=False)


@app.command()
@with_global_options(json=None, libvirt=False)
def run(options: Options, *, yes: Yes = False) -> int:
    """Shut down all VMs of your own libvirt, and end it.

    Labs stay, with their disks: the next `labctl up` starts them again.

    Example: `labctl rootless stop`
    """
    from labctl.app import rootless

    found = rootless.running()
    if found is None:
        context.say("your own libvirt does not run")
        return 0
    if (found.vms != () or found.used) and not (yes or _confirmed(found)):
        return 1
    cut = rootless.stop(found)
    if cut is None:
        context.say("libvirt did not answer, so the power of the VMs that still ran was cut")
    elif cut:
        context.say(f"did not shut down in time, so their power was cut: {', '.join(cut)}")
    if not options.quiet:
        context.say("your own libvirt has ended")
    return 0


def _confirmed(found: Running) -> bool:
    """Ask where VMs run or may run, or a command is at work.

    Raises:
        UsageError: there is no terminal to ask on.
    """
    cut = "a command that is at work inside is cut off" if found.used else ""
    shut = f"what runs is shut down: {', '.join(found.vms)}" if found.vms else ""
    if found.vms is None:
        shut = "libvirt does not answer, so VMs can't be shut down, and their power is cut"
    what = ", and ".join(filter(None, (shut, cut)))
    if not context.interactive():
        raise UsageError(
            f"{what}; there is no terminal to ask on, and nothing was changed",
            hint="`labctl rootless stop --yes` does it without asking",
        )
    return prompts.agreed(f"{what}; go on?")
