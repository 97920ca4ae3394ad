"""A VM's console log: a volume of the lab's pool, written by virtlogd, read through the libvirt API."""

from __future__ import annotations

import re
from typing import Any

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.host.libvirt import pools, volumes

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|[^\t\n -~\u00a0-\uffff]")


def volume(vm: str) -> str:
    return f"{vm}.console"


def read(virt: Any, lab: str, vm: str) -> str:  # a virConnect
    """The whole log without terminal controls; empty where there is none yet."""
    pool = pools.find(virt, identity.pool_name(lab))
    if pool is None:
        return ""
    pools.refresh(pool)
    if volume(vm) not in volumes.names(pool):
        return ""
    data = volumes.download(virt, pool, volume(vm))
    return _CONTROL.sub("", data.decode("utf-8", "replace").replace("\r\n", "\n"))


def tail(virt: Any, lab: str, vm: str, lines: int = 30) -> str:
    """The last lines; a console that can't be read is told as such, since this explains other failures."""
    try:
        return "\n".join(read(virt, lab, vm).rstrip().splitlines()[-lines:])
    except LabctlError as error:
        return f"(the console log can't be read: {error})"
