"""Tells when something of a libvirt host changes: domains and networks come, go, start, end, or get other metadata."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import libvirt

from labctl.host.libvirt.registrations import registered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.host.libvirt.connection import Connection

_OF_DOMAINS = (
    libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
    libvirt.VIR_DOMAIN_EVENT_ID_METADATA_CHANGE,  # as the mark that a VM is ready
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
)


class News:
    """Whether something has changed since it was last asked for."""

    def __init__(self) -> None:
        self._happened = threading.Event()

    def tell(self, *_event: object) -> None:
        self._happened.set()

    def wait(self, seconds: float) -> bool:
        """Wait until something changes, at most so long; gives whether something did."""
        changed = self._happened.wait(seconds)
        self._happened.clear()
        return changed


@contextmanager
def watched(connection: Connection) -> Iterator[News]:
    """Listen to a host while the block runs. After a connection is lost nothing is told any more.

    Raises:
        LabctlError: libvirt does not answer.
    """
    news = News()
    with registered(connection, dict.fromkeys(_OF_DOMAINS, news.tell), news.tell):
        yield news
