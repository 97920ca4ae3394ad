"""Libvirt's events of domains and networks, in plain words.

https://libvirt.org/html/libvirt-libvirt-domain.html#virDomainEventID lists them. Left out are those of graphics,
clocks, balloons and disks, which say little of a lab, and changes of metadata, most of which labctl makes.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core.record import record
from labctl.host.libvirt.registrations import registered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labctl.host.libvirt.connection import Connection

VM, NETWORK = "vm", "network"


@record
class Happened:
    """An event of a domain (`kind` is `vm`) or of a network; `name` and `uuid` are libvirt's."""

    kind: str
    name: str
    uuid: str
    what: str
    why: str = ""


# event → word, and detail → words; the details of an event are numbered from 0
_LIFE: dict[int, tuple[str, dict[int, str]]] = {
    libvirt.VIR_DOMAIN_EVENT_DEFINED: (
        "defined",
        {
            libvirt.VIR_DOMAIN_EVENT_DEFINED_UPDATED: "its definition was changed",
            libvirt.VIR_DOMAIN_EVENT_DEFINED_RENAMED: "it was renamed",
            libvirt.VIR_DOMAIN_EVENT_DEFINED_FROM_SNAPSHOT: "from a snapshot",
        },
    ),
    libvirt.VIR_DOMAIN_EVENT_UNDEFINED: (
        "undefined",
        {libvirt.VIR_DOMAIN_EVENT_UNDEFINED_RENAMED: "it was renamed"},
    ),
    libvirt.VIR_DOMAIN_EVENT_STARTED: (
        "started",
        {
            libvirt.VIR_DOMAIN_EVENT_STARTED_BOOTED: "it boots",
            libvirt.VIR_DOMAIN_EVENT_STARTED_MIGRATED: "it came from another host",
            libvirt.VIR_DOMAIN_EVENT_STARTED_RESTORED: "from its saved memory",
            libvirt.VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT: "from a snapshot",
            libvirt.VIR_DOMAIN_EVENT_STARTED_WAKEUP: "it woke up",
        },
    ),
    libvirt.VIR_DOMAIN_EVENT_SUSPENDED: (
        "paused",
        {
            libvirt.VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED: "it goes to another host",
            libvirt.VIR_DOMAIN_EVENT_SUSPENDED_IOERROR: "a disk failed",
            libvirt.VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG: "its watchdog fired",
            libvirt.VIR_DOMAIN_EVENT_SUSPENDED_RESTORED: "as it was saved",
            libvirt.VIR_DOMAIN_EVENT_SUSPENDED_FROM_SNAPSHOT: "from a snapshot",
            libvirt.VIR_DOMAIN_EVENT_SUSPENDED_API_ERROR: "libvirt failed to do something with it",
        },
    ),
    libvirt.VIR_DOMAIN_EVENT_RESUMED: (
        "resumed",
        {
            libvirt.VIR_DOMAIN_EVENT_RESUMED_MIGRATED: "it came from another host",
            libvirt.VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT: "from a snapshot",
        },
    ),
    libvirt.VIR_DOMAIN_EVENT_STOPPED: (
        "stopped",
        {
            libvirt.VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN: "its guest shut down",
            libvirt.VIR_DOMAIN_EVENT_STOPPED_DESTROYED: "its power was cut",
            libvirt.VIR_DOMAIN_EVENT_STOPPED_CRASHED: "it crashed",
            libvirt.VIR_DOMAIN_EVENT_STOPPED_MIGRATED: "it went to another host",
            libvirt.VIR_DOMAIN_EVENT_STOPPED_SAVED: "its memory was saved",
            libvirt.VIR_DOMAIN_EVENT_STOPPED_FAILED: "QEMU failed",
            libvirt.VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT: "from a snapshot",
        },
    ),
    libvirt.VIR_DOMAIN_EVENT_SHUTDOWN: (
        "shutting-down",
        {
            libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_GUEST: "by its guest",
            libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_HOST: "by the host",
        },
    ),
    libvirt.VIR_DOMAIN_EVENT_PMSUSPENDED: (
        "asleep",
        {libvirt.VIR_DOMAIN_EVENT_PMSUSPENDED_DISK: "its memory is on its disk"},
    ),
    libvirt.VIR_DOMAIN_EVENT_CRASHED: (
        "crashed",
        {
            libvirt.VIR_DOMAIN_EVENT_CRASHED_PANICKED: "its kernel panicked",
            libvirt.VIR_DOMAIN_EVENT_CRASHED_CRASHLOADED: "its crash kernel took over",
        },
    ),
}
_NETWORK_LIFE = {
    libvirt.VIR_NETWORK_EVENT_DEFINED: "defined",
    libvirt.VIR_NETWORK_EVENT_UNDEFINED: "undefined",
    libvirt.VIR_NETWORK_EVENT_STARTED: "started",
    libvirt.VIR_NETWORK_EVENT_STOPPED: "stopped",
}
_WATCHDOG = ("nothing was done", "it is paused", "it is reset", "its power is cut", "it is shut down")
_IO_ERROR = {
    libvirt.VIR_DOMAIN_EVENT_IO_ERROR_NONE: "it goes on",
    libvirt.VIR_DOMAIN_EVENT_IO_ERROR_PAUSE: "it is paused",
    libvirt.VIR_DOMAIN_EVENT_IO_ERROR_REPORT: "its guest is told",
}
_AGENT = {
    libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED: "agent-connected",
    libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_DISCONNECTED: "agent-disconnected",
}


def _life(event: int, detail: int) -> tuple[str, str]:
    what, why = _LIFE.get(event, ("changed", {}))
    return what, why.get(detail, "")


def _watchdog(action: int) -> tuple[str, str]:
    return "watchdog", _WATCHDOG[action] if 0 <= action < len(_WATCHDOG) else ""


def _io_error(path: str, _alias: str, action: int, reason: str) -> tuple[str, str]:
    words = (path, "there is no space left" if reason == "enospc" else reason, _IO_ERROR.get(action, ""))
    return "io-error", ", ".join(filter(None, words))


# what libvirt gives for an event, besides the domain → a word for it and more in words
_OF_DOMAINS: dict[int, Callable[..., tuple[str, str]]] = {
    libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE: _life,
    libvirt.VIR_DOMAIN_EVENT_ID_REBOOT: lambda: ("rebooted", ""),
    libvirt.VIR_DOMAIN_EVENT_ID_WATCHDOG: _watchdog,
    libvirt.VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON: _io_error,
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_ADDED: lambda device: ("device-added", device),
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED: lambda device: ("device-removed", device),
    libvirt.VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED: lambda device: ("device-not-removed", device),
    libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE: lambda state, _reason: (_AGENT.get(state, "agent"), ""),
}


@contextmanager
def told(connection: Connection, tell: Callable[[Happened], None]) -> Iterator[None]:
    """Call `tell` with each event while the block runs, on libvirt's thread.

    Raises:
        LabctlError: libvirt does not answer.
    """
    of_domains = {number: _of_domain(words, tell) for number, words in _OF_DOMAINS.items()}
    with registered(connection, of_domains, _of_network(tell)):
        yield


def _of_domain(
    words: Callable[..., tuple[str, str]], tell: Callable[[Happened], None]
) -> Callable[..., None]:
    def happened(_virt: Any, domain: Any, *details: Any) -> None:
        what, why = words(*details[:-1])  # the last one is what was registered with it
        tell(Happened(VM, domain.name(), domain.UUIDString(), what, why))

    return happened


def _of_network(tell: Callable[[Happened], None]) -> Callable[..., None]:
    def happened(_virt: Any, network: Any, event: int, _detail: int, _opaque: None) -> None:
        tell(Happened(NETWORK, network.name(), network.UUIDString(), _NETWORK_LIFE.get(event, "changed")))

    return happened
