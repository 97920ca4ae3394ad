"""What running guests report of themselves over labctl's port, each asked once."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import libvirt

from labctl.core.errors import LabctlError
from labctl.guest.protocol import GuestState
from labctl.host.access.channel import GuestPort

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.guest.protocol import Message
    from labctl.host.libvirt.connection import Connection

# A guest's script looks at its port three times a second; an emulated guest needs another second to answer.
ANSWER_S = 2.0


class _Asked:
    """A guest that was asked for its state. `answered` is also set when its port was closed."""

    def __init__(self) -> None:
        self.state: GuestState | None = None
        self.answered = threading.Event()

    def received(self, message: Message) -> None:  # on libvirt's event thread
        if isinstance(message, GuestState):
            self.state = message
            self.answered.set()


def states(connection: Connection, names: Iterable[str]) -> dict[str, GuestState]:
    """Ask the guests of these domains for their states.

    A guest is left out if it does not answer in time, if its domain is gone, or if another program has its port.
    """
    asked: dict[str, _Asked] = {}
    ports = []
    try:
        for name in names:
            guest = _Asked()
            try:
                domain = connection.virt.lookupByName(name)
                ports.append(GuestPort(domain, guest.received, guest.answered.set))
            except (libvirt.libvirtError, LabctlError):
                continue
            asked[name] = guest
        deadline = time.monotonic() + ANSWER_S
        for guest in asked.values():
            guest.answered.wait(max(0.0, deadline - time.monotonic()))
    finally:
        for port in ports:
            port.close()
    return {name: guest.state for name, guest in asked.items() if guest.state}
