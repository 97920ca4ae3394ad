"""Whether a program of this user can listen on a port of this host, and if not, why."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.record import record
from labctl.host.machine import listeners

if TYPE_CHECKING:
    from labctl.core.endpoint import Endpoint
    from labctl.host.machine.listeners import Process

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
    family = socket.AF_INET6 if endpoint.ip.version == 6 else socket.AF_INET
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as tried:
        if kind == socket.SOCK_STREAM:  # connections that ended a moment ago are no obstacle
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            tried.bind((str(endpoint.ip), endpoint.port))
        except OSError as error:
            return _refusal(error, endpoint, protocol)
    return None


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
