"""The logs of a lab's VMs: of their consoles, and of cloud-init and the provisioner, which are files in the guests."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from labctl.app.one_vm import by_base, look
from labctl.app.vm_names import choose
from labctl.core.address import natural_sort_key
from labctl.core.events import Event
from labctl.core.lines import Lines
from labctl.core.record import record
from labctl.host.access import console
from labctl.host.libvirt.connection import translated
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.app.session import Session

CONSOLE = "console"  # the source of a line
POLL_S = 1.0


@record
class LogLine(Event):
    """A line of a log, without its end. `source` is `console`, `cloud-init` or `provision`."""

    vm: str
    line: str
    source: str


Tell = Callable[[Sequence[LogLine]], None]


def choose_vms(session: Session, names: Iterable[str]) -> dict[str, bool]:
    """The VMs of these names, all where none is given. Each has whether it is there.

    Raises:
        UsageError: there is no such VM.
    """
    seen = look(session)
    there = {vm.name for vm in seen.vms}
    chosen = sorted(choose(names, by_base(session, seen)), key=natural_sort_key)
    return {name: name in there for name in chosen}


def consoles(session: Session, vms: Iterable[str], tell: Tell, *, follow: bool, last: int | None) -> None:
    """Tell the lines of consoles, of each only the `last` if that is given; with `follow` go on without end.

    Raises:
        LabctlError: a log can't be read.
    """
    logs = [_Console(session, vm) for vm in vms]
    for log in logs:
        found = log.lines()
        if not follow:
            found += log.rest()
        tell(found[max(0, len(found) - last) :] if last is not None else found)
    while follow:
        time.sleep(POLL_S)
        for log in logs:
            if found := log.lines():
                tell(found)


class _Console:
    """The console log of a VM, read line by line. It goes on after libvirtd was restarted."""

    def __init__(self, session: Session, vm: str) -> None:
        self._session, self._vm = session, vm
        self._follower = console.Follower(session.lab.name, vm)
        self._lines = Lines()

    def lines(self) -> list[LogLine]:
        """The lines that were completed since the last call."""
        return self._told(self._lines.feed(self._session.hosts.answering(self._news)))

    def rest(self) -> list[LogLine]:
        """The last line, if it has no end yet."""
        return self._told(self._lines.rest())

    def _told(self, lines: Sequence[str]) -> list[LogLine]:
        return [LogLine(self._vm, console.without_controls(line), CONSOLE) for line in lines]

    def _news(self) -> bytes:
        with translated(f"vm/{self._vm}"):
            return self._follower.news(self._session.hosts.of(addresses.vm(self._vm)).virt)
