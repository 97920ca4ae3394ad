"""How long a domain has run."""

from __future__ import annotations

import os
import time
from pathlib import Path

from labctl.host.libvirt.uri import is_local


def uptime(name: str, uri: str) -> int | None:
    """Seconds since a domain's QEMU process started; None where this machine can't tell."""
    if not is_local(uri):
        return None  # a domain of that name here is another one
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = Path("/run/libvirt/qemu") if uri.endswith("/system") else Path(own) / "libvirt/qemu/run"
    try:
        pid = int((folder / f"{name}.pid").read_text(encoding="ascii"))
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    ticks = int(stat.rpartition(")")[2].split()[19])  # proc(5): starttime
    return max(0, int(time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")))
