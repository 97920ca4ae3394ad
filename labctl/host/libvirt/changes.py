"""Tells when something of a libvirt host changes: domains and networks come, go, start, end, or get other metadata."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.host.libvirt.connection import run_event_loop, translated

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
    run_event_loop()
    connection.watch()
    virt = connection.virt
    domains: list[int] = []
    networks: list[int] = []
    try:
        with translated(connection.uri):
            domains += (virt.domainEventRegisterAny(None, each, news.tell, None) for each in _OF_DOMAINS)
            networks.append(
                virt.networkEventRegisterAny(None, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, news.tell, None)
            )
        yield news
    finally:
        with suppress(libvirt.libvirtError):  # the connection was lost, and what listened with it
            _leave(virt, domains, networks)


def _leave(virt: Any, domains: list[int], networks: list[int]) -> None:
    for key in domains:
        virt.domainEventDeregisterAny(key)
    for key in networks:
        virt.networkEventDeregisterAny(key)
