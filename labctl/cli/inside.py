"""Where a verb runs: inside the user's own libvirt, if the system's can't be reached or `-c rootless` asks for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labctl.cli.telling import say
from labctl.core.errors import UsageError

if TYPE_CHECKING:
    from labctl.cli.options import Options


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
        holder = world.ensure(own, (lambda _: None) if options.quiet else say)
        joining.go_inside(holder.init, os._exit)


def refuse_root() -> None:
    """Raise an error if this is root, who reaches the system's libvirt.

    Raises:
        UsageError: it is.
    """
    if os.geteuid() == 0:
        raise UsageError("root has no rootless libvirt", hint="-c qemu:///system is for you")
