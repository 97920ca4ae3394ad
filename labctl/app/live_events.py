"""Tells what happens to a lab while it happens, whoever does it. Libvirt keeps no history of that."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

from labctl.app.one_vm import by_base, look
from labctl.app.vm_names import choose
from labctl.core import identity
from labctl.core.live import LiveEvent
from labctl.host.libvirt import happenings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NoReturn

    from labctl.app.session import Session
    from labctl.core.events import Sink
    from labctl.host.libvirt.happenings import Happened

    # None means that a connection was lost
    Queue = SimpleQueue[Happened | None]


def follow(
    session: Session, names: Iterable[str], sink: Sink, ready: Callable[[], object] = lambda: None
) -> NoReturn:
    """Tell the events of these VMs, or where none is named of all VMs and networks, also of those that are made later.

    `ready` is called when from now on nothing is missed. A lost connection is told, and opened again.

    Raises:
        UsageError: there is no such VM.
        LabctlError: libvirt does not answer, or does not come back.
    """
    bases = by_base(session, look(session))
    chosen = set(choose(names, bases)) if names else None
    while True:
        queue: Queue = SimpleQueue()
        with ExitStack() as listening:
            for host in session.hosts:
                listening.enter_context(host.connection.on_loss(partial(queue.put, None)))
                listening.enter_context(happenings.told(host.connection, queue.put))
            ready()
            _tell(session.lab.name, queue, chosen, sink)
        sink(_now("", "disconnected", "what happens until it is back is not told"))
        session.hosts.reopen()
        sink(_now("", "connected"))


def _tell(lab: str, queue: Queue, chosen: set[str] | None, sink: Sink) -> None:
    """Tell what arrives, until a connection is lost."""
    while (happened := queue.get()) is not None:
        name = name_in(lab, happened)
        if name and (chosen is None or (happened.kind == happenings.VM and name in chosen)):
            sink(_now(f"{happened.kind}/{name}", happened.what, happened.why))


def name_in(lab: str, happened: Happened) -> str:
    """The name in the Labfile of what something happened to; empty where it is no object of the lab."""
    prefix = identity.libvirt_name(lab, "")
    name = happened.name.removeprefix(prefix)
    if name == happened.name or happened.uuid != identity.object_uuid(lab, happened.kind, name):
        return ""
    return name


def _now(address: str, what: str, why: str = "") -> LiveEvent:
    return LiveEvent(datetime.now(UTC).astimezone().isoformat(timespec="milliseconds"), address, what, why)
