"""Where a verb runs: inside the user's own libvirt, if the system's can't be reached or `-c rootless` asks for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labctl.cli.telling import say
from labctl.core.errors import UsageError

if TYPE_CHECKING:
    from labctl.cli.options import Options

STARTING = "starting a libvirt of your own, rootless: it takes some seconds, the first time of all some more"
NO_WAY_OUT = "pasta is not there, so labs have no way out of this machine: `labctl doctor` names the package"


def go(options: Options) -> None:
    """Go on inside, if that is where the verb has to run: see `host.rootless.joining`.

    Raises:
        UsageError: root asks for it.
        LabctlError: it can't be started, or entered.
    """
    from labctl.host.host import Host

    if not Host(options.connect).rootless:
        return
    from labctl.host.rootless import joining, world

    refuse_root()
    own = world.own()
    with own.using():  # the process outside never leaves this block
        holder = world.ensure(own, lambda: None if options.quiet else _tell())
        joining.go_inside(holder.init, os._exit)


def refuse_root() -> None:
    """Raise an error if this is root, who reaches the system's libvirt.

    Raises:
        UsageError: it is.
    """
    if os.geteuid() == 0:
        raise UsageError("root has no rootless libvirt", hint="-c qemu:///system is for you")


def _tell() -> None:
    from labctl.host.machine import command, logout

    say(STARTING)
    if logout.ends_processes():
        say(f"it ends when you log out, labs with it: `{logout.LINGER}` before keeps it")
    if not command.path("pasta"):
        say(NO_WAY_OUT)
