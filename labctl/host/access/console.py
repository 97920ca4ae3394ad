"""A VM's console log. virtlogd writes it to a volume of the lab's pool, and labctl reads it through libvirt."""

from __future__ import annotations

import re
from typing import Any

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.host.libvirt import pools, volumes

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|[^\t\n -~\u00a0-\uffff]")


def volume(vm: str) -> str:
    """The name of the volume with a VM's console log."""
    return f"{vm}.console"


def read(virt: Any, lab: str, vm: str) -> str:  # a virConnect
    """Read the whole log, without terminal controls. It is empty if the VM never ran.

    Raises:
        LabctlError: the volume can't be read.
    """
    pool = pools.find(virt, identity.pool_name(lab))
    if pool is None:
        return ""
    pools.refresh(pool)
    if volume(vm) not in volumes.names(pool):
        return ""
    data = volumes.download(virt, pool, volume(vm))
    return _CONTROL.sub("", data.decode("utf-8", "replace").replace("\r\n", "\n"))


def tail(virt: Any, lab: str, vm: str, lines: int = 30) -> str:
    """The last lines of the log, for the message of another failure: it raises nothing, and says what can't be read."""
    try:
        return "\n".join(read(virt, lab, vm).rstrip().splitlines()[-lines:])
    except LabctlError as error:
        return f"(the console log can't be read: {error})"
