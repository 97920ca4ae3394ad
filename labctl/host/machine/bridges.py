"""Whether what a running network of this host is made of is still there: libvirt does not look once it was started."""

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


def visible(connection: Connection) -> bool:
    """Whether the networks of this connection are made of this host's own links and processes."""
    return connection.local and connection.uri.partition("?")[0].endswith("/system")


def lost(name: str, bridge: str, *, served: bool) -> str:
    """What is gone of an active network: `bridge`, `dnsmasq`, nothing where all is there or can't be seen.

    Args:
        name: libvirt's name of it.
        bridge: that of its bridge, empty where libvirt made none.
        served: whether libvirt runs dnsmasq for it.
    """
    if bridge and not routes.link(bridge):
        return "bridge"
    return "dnsmasq" if served and _ended(name) else ""


def _ended(name: str) -> bool:
    try:
        stated = _PID_FILE.search((DNSMASQ / f"{name}.conf").read_text(encoding="utf-8"))
    except OSError:
        return False  # not known
    return stated is not None and not _runs(Path(stated[1]))


def _runs(pid_file: Path) -> bool:
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == "dnsmasq"
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False
    except OSError:
        return True  # it is there, and another user's
