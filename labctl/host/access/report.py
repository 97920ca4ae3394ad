"""What running guests report of themselves over labctl's port, each asked once."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core.errors import LabctlError
from labctl.guest.protocol import GuestState
from labctl.host.access.channel import GuestPort

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.host.libvirt.connection import Connection

# A guest's script looks at its port three times a second; an emulated guest needs another second to answer.
ANSWER_S = 2.0


class _Asked:
    """A guest that is asked for its state."""

    def __init__(self, domain: Any) -> None:
        self._news = threading.Event()
        self._over = False
        self.port = GuestPort(domain, self._news.set, self._closed)

    def _closed(self, _excess: str) -> None:
        self._over = True
        self._news.set()

    def state(self, deadline: float) -> GuestState | None:
        """Wait for its answer; None if there is none in time, or its port was closed."""
        while not self._over and self._news.wait(max(0.0, deadline - time.monotonic())):
            self._news.clear()
            for message in self.port.take():
                if isinstance(message, GuestState):
                    return message
        return None


def states(connection: Connection, names: Iterable[str]) -> dict[str, GuestState]:
    """Ask the guests of these domains for their states.

    A guest is left out if it does not answer in time, if its domain is gone, or if another program has its port.
    """
    asked: dict[str, _Asked] = {}
    try:
        for name in names:
            with suppress(libvirt.libvirtError, LabctlError):
                asked[name] = _Asked(connection.virt.lookupByName(name))
        deadline = time.monotonic() + ANSWER_S
        told = {name: guest.state(deadline) for name, guest in asked.items()}
    finally:
        for guest in asked.values():
            guest.port.close()
    return {name: state for name, state in told.items() if state}
