"""A VM's console log. virtlogd writes it to a volume of the lab's pool, and labctl reads it through libvirt."""

from __future__ import annotations

import re
from typing import Any

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.core.text import clipped
from labctl.host.libvirt import pools, volumes

_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]")
LOG_BYTES = 16 << 20  # of a log are shown; virtlogd begins a new one after 2 MiB, if it is not told otherwise
TAIL_BYTES = 64 << 10
LINE_CHARS = 300  # of each line of a tail


def volume(vm: str) -> str:
    """The name of the volume with a VM's console log."""
    return f"{vm}.console"


def read(virt: Any, lab: str, vm: str, most: int = LOG_BYTES) -> str:  # a virConnect
    """Read the log, at most its last `most` bytes, without terminal controls. It is empty if the VM never ran.

    Raises:
        LabctlError: the volume can't be read.
    """
    pool = pools.find(virt, identity.pool_name(lab))
    if pool is None:
        return ""
    pools.refresh(pool)
    if volume(vm) not in volumes.names(pool):
        return ""
    data = volumes.download(virt, pool, volume(vm), offset=-most)
    return without_controls(data.decode("utf-8", "replace"))


def without_controls(text: str) -> str:
    """The text that a console showed: a guest must not act on the terminal of who reads it."""
    lines = _SEQUENCE.sub("", text.replace("\r\n", "\n")).split("\n")
    return "\n".join(
        line if line.isprintable() else "".join(each for each in line if each.isprintable() or each == "\t")
        for line in lines
    )


def tail(virt: Any, lab: str, vm: str, lines: int = 30) -> str:
    """The last lines of the log, for the message of another failure: it raises nothing, and says what can't be read."""
    try:
        last = read(virt, lab, vm, TAIL_BYTES).rstrip().split("\n")[-lines:]
        return "\n".join(clipped(line, LINE_CHARS) for line in last)
    except LabctlError as error:
        return f"(the console log can't be read: {error})"
