"""A partly downloaded file on disk, with the digest of its content so far."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Self

from labctl.host.machine.space import FreeSpace

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import ReadableBuffer

FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class PartialDownload:
    """A file to which data is appended. `digest` is always that of the `size` bytes on disk.

    The file of an earlier run is continued, and is read once for its digest. Writes are not buffered, so that a process
    that is killed leaves all that it received. OSError when the disk fails, LabctlError when it is full.
    """

    def __init__(self, path: Path, algorithm: str) -> None:
        self.path = path
        self._algorithm = algorithm
        self._space = FreeSpace(path.parent)
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
        """The digest in hex."""
        return self._hash.hexdigest()

    def require(self, count: int) -> None:
        """LabctlError unless `count` more bytes fit on the disk."""
        self._space.require(count)

    def append(self, data: ReadableBuffer) -> None:
        rest = memoryview(data)
        self._space.spend(len(rest))
        while rest:  # a write to a disk that is almost full may be partial
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
        """Rename the file to `target` once its content is on the disk, so that a crash leaves all of it or nothing."""
        os.fsync(self._file.fileno())
        self.path.replace(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
