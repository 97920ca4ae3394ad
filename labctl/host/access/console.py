"""A VM's console log. virtlogd writes it to volumes of the lab's pool, and labctl reads it through libvirt.

virtlogd begins a new file after 2 MiB and keeps three older ones, if virtlogd.conf does not say otherwise. When a VM
starts, its log begins anew.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import Any

import libvirt

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.core.text import clipped
from labctl.host.libvirt import pools, volumes

_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]")
LOG_BYTES = 16 << 20  # of a log are shown, if virtlogd keeps that much
TAIL_BYTES = 64 << 10
MARK_BYTES = 4 << 10  # by which a place in a log is known again, also among long lines of one character
LINE_CHARS = 300  # of each line of a tail
_ROTATED = "it was rotated while it was read"


def volume(vm: str) -> str:
    """The name of the volume that a VM's console log is written to."""
    return f"{vm}.{identity.CONSOLE}"


def volume_names(pool: libvirt.virStoragePool, vm: str) -> list[str]:
    """The names of all volumes with a VM's console log, the newest first, as far as the pool knows."""
    own = [name for name in volumes.names(pool) if name.startswith(f"{vm}.")]
    logs = [(log[1], name) for name in own if (log := identity.console_log(name))]
    return [name for _, name in sorted(logs)]


def read(virt: Any, lab: str, vm: str, most: int = LOG_BYTES) -> str:  # a virConnect
    """Read the log, at most its last `most` bytes, without terminal controls. It is empty if the VM never ran.

    Raises:
        LabctlError: a volume can't be read.
    """
    pool = pools.find(virt, identity.pool_name(lab))
    if pool is None:
        return ""
    pools.refresh(pool)
    pieces: list[bytes] = []
    for name in volume_names(pool, vm):
        if most > 0:
            pieces.append(volumes.download(virt, pool, name, offset=-most))
            most -= len(pieces[-1])
    return without_controls(b"".join(reversed(pieces)).decode(errors="replace"))


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


def _refresh(pool: libvirt.virStoragePool) -> None:
    """Let libvirt see new volumes; not by `pools.refresh`, which starts a pool that is just being removed."""
    with suppress(libvirt.libvirtError):  # an upload is under way: the next look comes soon
        pool.refresh()


class Follower:
    """Reads a console log piece by piece while it grows, is rotated and begins anew with another start of its VM."""

    def __init__(self, lab: str, vm: str) -> None:
        self._lab, self._vm = lab, vm
        self._offset: int | None = (
            None  # of the newest volume, to which all was read; None before the first one
        )
        self._mark = b""  # what is before the offset
        self._stamp = ""  # of that volume, when it was read
        self._looked = False

    def news(self, virt: Any) -> bytes:
        """What was written since the last call; by the first call all that there is, up to `LOG_BYTES`.

        Raises:
            LabctlError: a volume can't be read.
        """
        # a pool that is stopped while we look is about to be removed, so only the first look starts one
        find = pools.lookup if self._looked else pools.find
        self._looked = True
        pool = find(virt, identity.pool_name(self._lab))
        if pool is None or not pool.isActive():
            return b""
        for wait in (0.1, 0.3, 1.0, 0.0):
            try:
                return self._news(virt, pool)
            except LabctlError:  # it may be rotated, begun anew or removed while it is read
                if not (pool.isActive() and volumes.find(pool, volume(self._vm))):
                    return b""
                if not wait:
                    raise
            self._stamp = ""
            time.sleep(wait)
        return b""

    def _news(self, virt: Any, pool: libvirt.virStoragePool) -> bytes:
        name = volume(self._vm)
        if volumes.find(pool, name) is None:
            _refresh(pool)  # the VM may have started meanwhile
        stamp = volumes.stamps(pool, [name]).get(name, self._stamp)
        if stamp == self._stamp:
            return b""
        self._stamp = stamp
        return self._read(virt, pool)

    def _read(self, virt: Any, pool: libvirt.virStoragePool) -> bytes:
        newest, start = volume(self._vm), self._offset or 0
        if self._offset is not None and self._continues(virt, pool, newest):
            return self._told([self._rest(virt, pool, newest, start)], start)
        head = volumes.download(virt, pool, newest, offset=0, length=MARK_BYTES)
        _refresh(pool)
        names = volume_names(pool, self._vm)
        here = next(
            (at for at, name in enumerate(names) if start and self._continues(virt, pool, name)), None
        )
        if here is None:
            start = 0  # the VM was started anew, or was faster than we
        else:
            del names[here + 1 :]
        pieces = [self._rest(virt, pool, name, start if name == names[-1] else 0) for name in names]
        if not self._begins(virt, pool, newest, head):
            raise LabctlError(_ROTATED, where=newest)  # so each name was another file's after a while
        return self._told(pieces, start)

    def _told(self, pieces: list[bytes], start: int) -> bytes:
        """What is new, of volumes the newest first; the oldest was read from `start`."""
        at = start if len(pieces) == 1 else 0
        known = self._mark if at else b""
        self._offset = at + len(pieces[0])
        self._mark = (known + pieces[0])[-MARK_BYTES:]
        return b"".join(reversed(pieces))[-LOG_BYTES:]

    def _rest(self, virt: Any, pool: libvirt.virStoragePool, name: str, start: int) -> bytes:
        """What a volume has from `start`, read together with the mark before it: its name may be another file's by now.

        Raises:
            LabctlError: it is.
        """
        known = self._mark if start else b""
        data = volumes.download(virt, pool, name, offset=start - len(known))
        if not data.startswith(known):
            raise LabctlError(_ROTATED, where=name)
        return data[len(known) :]

    def _begins(self, virt: Any, pool: libvirt.virStoragePool, name: str, data: bytes) -> bool:
        """Whether this volume still begins with what was read of it: else an older one has that too."""
        size = min(len(data), MARK_BYTES)
        if volumes.file_size(pool, name) < len(data):
            return False
        return not size or data[:size] == volumes.download(virt, pool, name, offset=0, length=size)

    def _continues(self, virt: Any, pool: libvirt.virStoragePool, name: str) -> bool:
        """Whether what was read so far is the beginning of this volume."""
        offset, size = self._offset or 0, len(self._mark)
        if volumes.file_size(pool, name) < offset:
            return False
        return not size or self._mark == volumes.download(virt, pool, name, offset=offset - size, length=size)
