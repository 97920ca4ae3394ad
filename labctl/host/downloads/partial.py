"""A file under way, with the digest of what it has so far."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Self

from labctl.host.machine.space import Room

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import ReadableBuffer

FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class PartialDownload:
    """Grows at its end or starts over. Whatever happens, its digest is that of the `size` bytes on disk.

    What an earlier run left is taken over, and read once for its digest. Writes are not buffered, so that a process
    that is killed leaves all that it got. OSError where the disk fails, LabctlError where it is full.
    """

    def __init__(self, path: Path, algorithm: str) -> None:
        self.path = path
        self._algorithm = algorithm
        self._room = Room(path.parent)
        self._file = os.fdopen(os.open(path, FLAGS, 0o600), "r+b", buffering=0)
        try:
            self._hash = hashlib.file_digest(self._file, algorithm)
            self.size = self._file.tell()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    @property
    def digest(self) -> str:
        """In hex."""
        return self._hash.hexdigest()

    def require(self, count: int) -> None:
        """LabctlError unless there is room for `count` more bytes."""
        self._room.require(count)

    def append(self, data: ReadableBuffer) -> None:
        rest = memoryview(data)
        self._room.spend(len(rest))
        while rest:  # a disk that fills up takes a part first
            written = self._file.write(rest)
            self._hash.update(rest[:written])
            self.size += written
            rest = rest[written:]

    def restart(self) -> None:
        self._file.truncate(0)
        self._file.seek(0)
        self._hash = hashlib.new(self._algorithm)
        self.size = 0

    def publish(self, target: Path) -> None:
        """Give it its name, once all of it is on the disk: a crash leaves either the whole file or none."""
        os.fsync(self._file.fileno())
        self.path.replace(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
