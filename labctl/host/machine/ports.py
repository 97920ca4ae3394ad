"""Whether a program of this user can listen on a port of this host, and if not, why."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.host.machine import listeners
from labctl.host.machine.listeners import Process
from labctl.host.rootless import outside

if TYPE_CHECKING:
    from labctl.core.endpoint import Endpoint

BACKLOG = 128  # connections that wait to be accepted
_PRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


@record
class Refusal:
    """Why nothing can listen on a port, with what to do. `owner` is the process that does already, if it is seen."""

    summary: str
    hint: str
    owner: Process | None = None


def refusal(endpoint: Endpoint, protocol: str) -> Refusal | None:
    """Try the port, for a moment; None if it is free.

    Raises:
        OSError: the kernel refuses it for a reason that nobody foresaw.
    """
    if outside.inside():
        return _asked(endpoint, protocol, listen=False)[0]
    try:
        _bound(endpoint, protocol).close()
    except OSError as error:
        return _refusal(error, endpoint, protocol)
    return None


def listening(endpoint: Endpoint, protocol: str) -> socket.socket:
    """A socket that listens there, of this machine also for labctl inside a user's own libvirt.

    Raises:
        LabctlError: nothing can listen there.
        OSError: the kernel refuses it for a reason that nobody foresaw.
    """
    if outside.inside():
        refused, given = _asked(endpoint, protocol, listen=True)
        if refused:
            raise LabctlError(refused.summary, hint=refused.hint)
        return socket.socket(fileno=given[0])
    made = _bound(endpoint, protocol)
    if made.type == socket.SOCK_STREAM:
        made.listen(BACKLOG)
    return made


def _bound(endpoint: Endpoint, protocol: str) -> socket.socket:
    family = socket.AF_INET6 if endpoint.ip.version == 6 else socket.AF_INET
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    made = socket.socket(family, kind)
    try:
        if kind == socket.SOCK_STREAM:  # connections that ended a moment ago are no obstacle
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((str(endpoint.ip), endpoint.port))
    except OSError:
        made.close()
        raise
    return made


def _asked(endpoint: Endpoint, protocol: str, *, listen: bool) -> tuple[Refusal | None, list[int]]:
    """What the process outside says of a port of the machine, and the socket that it opened."""
    found, given = outside.ask(
        {"about": "port", "endpoint": str(endpoint), "protocol": protocol, "listen": listen}
    )
    if not found:
        return None, given
    owner = Process(*found["owner"]) if found["owner"] else None
    return Refusal(found["summary"], found["hint"], owner), given


def _refusal(error: OSError, endpoint: Endpoint, protocol: str) -> Refusal:
    if error.errno == errno.EADDRINUSE:
        owner = listeners.owner(endpoint, protocol)
        taken = str(owner) if owner else "a process that only root sees"
        hint = "end it, or forward another port of the host"
        return Refusal(f"port {endpoint.port} of {endpoint.ip} is taken by {taken}", hint, owner)
    if error.errno in (errno.EACCES, errno.EPERM):
        first = _first_free()
        hint = f"forward one from {first} on, as {first - first % 1000 + 7080}:80"
        return Refusal(f"port {endpoint.port} is below {first}, where only root may listen", hint)
    if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        hint = "`ip address` lists them; leave it out for 127.0.0.1"
        return Refusal(f"this host has no address {endpoint.ip}", hint)
    raise error


def _first_free() -> int:
    try:
        return int(_PRIVILEGED.read_text())
    except (OSError, ValueError):
        return 1024
