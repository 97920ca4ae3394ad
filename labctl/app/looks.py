"""Looks at a lab again and again: whenever libvirt tells of a change, and every few seconds."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from labctl.core.errors import LabctlError
from labctl.host.libvirt import changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labctl.host.hosts import Hosts

T = TypeVar("T")
EVERY_S = 3.0  # addresses that only guests know, and images, change without an event
SETTLE_S = 0.2  # one thing that somebody does is several events


def looks(hosts: Hosts, look: Callable[[], T], pause: Callable[[], float] | None = None) -> Iterator[T]:
    """What `look` gives, without end. After libvirtd went away it is looked for again.

    Args:
        hosts: of these changes are listened to.
        look: is called for each.
        pause: gives how many seconds later it is called where nothing is heard; None is `EVERY_S`.

    Raises:
        LabctlError: libvirtd did not come back, or `look` failed for another reason.
    """
    while True:
        try:
            with ExitStack() as listening:
                news = [listening.enter_context(changes.watched(host.connection)) for host in hosts]
                while True:
                    yield look()
                    seconds = EVERY_S if pause is None else pause()
                    for each in news:
                        if each.wait(seconds / len(news)):
                            each.wait(SETTLE_S)
        except LabctlError:
            if not hosts.reopen():
                raise
