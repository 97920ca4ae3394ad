"""Sparse files of this user's own, which are written in blocks and hashed meanwhile."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, BinaryIO

from labctl.core.errors import LabctlError
from labctl.core.size import format_size
from labctl.host.machine import space

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Progress = Callable[[int, int], None]  # bytes of the source that were read, bytes of the source in all

BLOCK = 64 << 10  # bytes; a block of zeros becomes a hole in the file
ZEROS = bytes(BLOCK)
CREATE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class SparseFile:
    """A sparse file that is written in blocks of BLOCK bytes, the last one perhaps shorter; zeros become holes.

    `size` are the bytes that were written so far, with the holes. LabctlError when it becomes larger than `limit`, when
    its data without the holes becomes larger than `data_limit`, or when the disk is full.
    """

    def __init__(self, file: BinaryIO, folder: Path, limit: int, data_limit: int) -> None:
        """`file` is an empty file in `folder`."""
        self.size = 0
        self._descriptor = file.fileno()
        self._space = space.FreeSpace(folder)
        self._limit, self._data_limit = limit, data_limit
        self._data = 0
        self._hash = hashlib.sha256()

    def write(self, block: bytes) -> None:
        position, self.size = self.size, self.size + len(block)
        if self.size > self._limit:
            _refuse(self._limit)
        self._hash.update(block)
        if block != ZEROS[: len(block)]:
            self._data += len(block)
            if self._data > self._data_limit:
                _refuse(self._data_limit)
            self._space.spend(len(block))
            rest = memoryview(block)
            while rest:  # a write to a disk that is almost full may be partial
                written = os.pwrite(self._descriptor, rest, position)
                position, rest = position + written, rest[written:]

    def finish(self) -> str:
        """Complete the file, and return its sha256 in hex."""
        os.ftruncate(self._descriptor, self.size)  # the file may end with a hole
        os.fsync(self._descriptor)
        return self._hash.hexdigest()


def _refuse(limit: int) -> None:
    raise LabctlError(
        f"it unpacks to more than {format_size(limit)}",
        hint="that is more than is expected of it: unpack it yourself, and name the file",
    )


def copy(source: BinaryIO, target: BinaryIO, folder: Path, progress: Progress) -> str:
    """Copy a file into an empty file in `folder`, and return the sha256 of what was copied, in hex.

    Whoever may write to the source can't reach the copy, so what is found out about the copy stays true. LabctlError
    when the disk is full.
    """
    size = os.fstat(source.fileno()).st_size
    copied = SparseFile(target, folder, size, size)
    source.seek(0)
    while block := source.read(min(BLOCK, size - copied.size)):
        copied.write(block)
        progress(copied.size, size)
    return copied.finish()
