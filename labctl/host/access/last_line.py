"""The latest telling line of a booting VM's console, for who waits for it."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.core.text import one_line
from labctl.host.access.console import volume, without_controls
from labctl.host.libvirt import pools, volumes

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK_BYTES = 4096  # of the log's end, however fast it grows
CHARS = 200
REFRESHES = 5  # of the pool, until libvirt lists a new log
# what stands before the words: the kernel's time, systemd's sign, a program with its PID
_BEFORE = re.compile(r"^(\[[^\]]{0,16}\] *)+|^[\w-]{1,20}\[\d{1,7}\]: *")
_WORD = re.compile(r"[^\W\d_]{3}")


class LastLine:
    """Reads the end of one console log, whenever it is called."""

    def __init__(self, lab: str, vm: str) -> None:
        self._lab, self._vm = lab, vm
        self._refreshes = 0

    def __call__(self, virt: Any) -> str:  # a virConnect
        """The line; empty where there is none, or the log can't be read just now."""
        with suppress(libvirt.libvirtError, LabctlError):
            pool = pools.lookup(virt, identity.pool_name(self._lab))
            if pool is not None and self._listed(pool):
                size = volumes.file_size(pool, volume(self._vm))
                offset = max(0, size - LOOK_BYTES)
                data = volumes.download(
                    virt, pool, volume(self._vm), offset=offset, length=min(size, LOOK_BYTES)
                )
                return telling(data.decode("utf-8", "replace"))
        return ""

    def _listed(self, pool: libvirt.virStoragePool) -> bool:
        """Whether libvirt knows the log, for which it has to read a folder anew into which others may just upload."""
        if volume(self._vm) in volumes.names(pool):
            return True
        if self._refreshes < REFRESHES:
            self._refreshes += 1
            pool.refresh()
        return volume(self._vm) in volumes.names(pool)


def telling(text: str) -> str:
    """The last whole line of a console that says something, without what stands before its words."""
    return next(_telling(without_controls(text)), "")


def _telling(text: str) -> Iterator[str]:
    *whole, _unfinished = text.split("\n")
    for line in reversed(whole):
        words = _BEFORE.sub("", line.strip())
        if _WORD.search(words):
            yield one_line(words, CHARS)
