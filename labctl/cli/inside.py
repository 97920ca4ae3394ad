"""Where a verb runs: inside the user's own libvirt, if the system's can't be reached or `-c rootless` asks for it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, NoReturn

from labctl.cli import context
from labctl.cli.telling import say
from labctl.core.errors import UsageError

if TYPE_CHECKING:
    from labctl.cli.options import Options

KILLED = "error: killed, as by `labctl rootless stop`, or where memory runs out"


def go(options: Options, *, labfile: bool = False) -> None:
    """Go on inside, if that is where the verb has to run: see `host.rootless.joining`.

    With `labfile` nothing is started for a wrong Labfile.

    Raises:
        UsageError: root asks for it.
        Rejected: the Labfile is wrong.
        LabctlError: it can't be started, or entered.
    """
    from labctl.host.host import Host

    host = Host(options.connect)
    if not host.rootless:
        return
    from labctl.host.rootless import joining, world

    refuse_root()
    if labfile and world.running() is None:
        context.refuse_wrong(options)
    own = world.own()
    with own.using():  # the process outside never leaves this block
        holder = world.ensure(own, (lambda _: None) if options.quiet else say, host.why_rootless)
        joining.go_inside(holder.init, _leave)


def refuse_root() -> None:
    """Raise an error if this is root, who reaches the system's libvirt.

    Raises:
        UsageError: it is.
    """
    if os.geteuid() == 0:
        raise UsageError("root has no rootless libvirt", hint="-c qemu:///system is for you")


def _leave(code: int) -> NoReturn:
    """End as the process inside has ended; negative codes are signals, as of `os.waitstatus_to_exitcode`."""
    if code == -signal.SIGKILL:
        say(KILLED)
    os._exit(code if code >= 0 else 128 - code)
