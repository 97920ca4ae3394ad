"""Registers for libvirt's events of domains and networks, which come on libvirt's own thread."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.host.libvirt.connection import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from labctl.host.libvirt.connection import Connection

    # libvirt calls it with the connection, the domain or network, the event's details, and None
    Callback = Callable[..., None]


@contextmanager
def registered(
    connection: Connection,
    of_domains: Mapping[int, Callback],
    of_networks: Callback | None = None,
    domain: Any = None,  # a virDomain
) -> Iterator[None]:
    """Have these functions called while the block runs. Once the connection is lost nothing is called any more.

    Args:
        connection: to the host whose events these are.
        of_domains: by the number of the event (virDomainEventID).
        of_networks: of when networks are defined, started, stopped and undefined.
        domain: the only one whose events these are; None for all.

    Raises:
        LabctlError: libvirt does not answer.
    """
    connection.watch()
    virt = connection.virt
    with translated(connection.uri), ExitStack() as registrations:
        for number, callback in of_domains.items():
            key = virt.domainEventRegisterAny(domain, number, callback, None)
            registrations.callback(_end, virt, virt.domainEventDeregisterAny, key)
        if of_networks is not None:
            key = virt.networkEventRegisterAny(
                None, libvirt.VIR_NETWORK_EVENT_ID_LIFECYCLE, of_networks, None
            )
            registrations.callback(_end, virt, virt.networkEventDeregisterAny, key)
        yield


def _end(virt: Any, deregister: Callable[[int], object], key: int) -> None:
    """End a registration. Those of a connection that was lost are lost with it."""
    try:
        deregister(key)
    except libvirt.libvirtError:
        if virt.isAlive():
            raise
