"""Whether the host has enough memory and disk space."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.size import format_size
from labctl.host.machine.doctor.check import FAIL, OK, WARN, Check, Distribution

if TYPE_CHECKING:
    from collections.abc import Iterator

LITTLE_MEMORY, LITTLE_DISK, NO_DISK = 1 << 30, 5 << 30, 1 << 30


def memory(meminfo: Path = Path("/proc/meminfo"), limit: int | None = None) -> Check:
    """Check how much memory is left for VMs; `limit` is the bytes that the user's processes may still take."""
    values = dict(line.split(":") for line in meminfo.read_text(encoding="ascii").splitlines())
    free = int(values["MemAvailable"].split()[0]) << 10
    total = int(values["MemTotal"].split()[0]) << 10
    text = f"{_round(free)} of {_round(total)} available"
    if limit is not None and limit < free:
        free = limit
        text = f"{_round(limit)} left of what your processes may take, by a limit of their cgroup"
    if free < LITTLE_MEMORY:
        return Check(
            "memory", WARN, text, advice="halt what is not needed: `labctl list` shows the labs of this host"
        )
    return Check("memory", OK, text)


def pool(folder: str, distribution: Distribution, *, system: bool) -> Iterator[Check]:
    """Check the folder for disks: it exists or can be made, has space, and QEMU's user of the system's libvirt can
    enter it.
    """
    path = Path(folder)
    there = next(each for each in (path, *path.parents) if each.exists())
    if not system and not os.access(there, os.W_OK):
        yield Check("pool folder", FAIL, f"{there} is not writable", f"chown {os.getuid()} {there}")
    elif system and (closed := _closed(there)):
        fix = distribution.as_root(f"chmod o+x {closed}")
        yield Check("pool folder", FAIL, f"{folder}: QEMU's user can't pass {closed}", fix)
    else:
        yield Check("pool folder", OK, folder)
    free = shutil.disk_usage(there).free
    text = f"{_round(free)} free in {folder}"
    if free < LITTLE_DISK:
        advice = "remove what is not needed: `labctl list` shows the labs of this host"
        yield Check("disk", FAIL if free < NO_DISK else WARN, text, advice=advice)
    else:
        yield Check("disk", OK, text)


def _closed(path: Path) -> Path | None:
    """The first folder above a path that others can't enter. /var/lib/libvirt/images itself belongs to libvirt."""
    for each in reversed(path.parents):
        if not each.stat().st_mode & stat.S_IXOTH:
            return each
    return None


def _round(count: int) -> str:
    """A size in whole MiB or, from 10 GiB on, in whole GiB."""
    step = 1 << 20 if count < 10 << 30 else 1 << 30
    return format_size(count // step * step)
