"""Whether an active network of this host still has its bridge and dnsmasq: libvirt checks only at its start."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.host.machine import routes

if TYPE_CHECKING:
    from labctl.host.libvirt.connection import Connection

DNSMASQ = Path("/var/lib/libvirt/dnsmasq")  # where libvirt's system daemon writes its configuration
_PID_FILE = re.compile(r"^pid-file=(.+)$", re.MULTILINE)


def can_be_checked(connection: Connection) -> bool:
    """Whether the bridges and dnsmasq processes of this connection's networks are on this host."""
    return connection.local and connection.uri.partition("?")[0].endswith("/system")


def missing_part(name: str, bridge: str, *, served: bool) -> str:
    """Which part of an active network is missing: `bridge` or `dnsmasq`; empty if none is, or it can't be seen.

    Args:
        name: libvirt's name of the network.
        bridge: the name of its bridge, empty if libvirt made none.
        served: whether libvirt runs dnsmasq for the network.
    """
    if bridge and not routes.link(bridge):
        return "bridge"
    return "dnsmasq" if served and _dnsmasq_ended(name) else ""


def _dnsmasq_ended(name: str) -> bool:
    try:
        stated = _PID_FILE.search((DNSMASQ / f"{name}.conf").read_text(encoding="utf-8"))
    except OSError:
        return False  # without its configuration, nothing is known
    return stated is not None and not _dnsmasq_runs(Path(stated[1]))


def _dnsmasq_runs(pid_file: Path) -> bool:
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == "dnsmasq"
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False
    except OSError:
        return True  # the process exists, but belongs to another user
