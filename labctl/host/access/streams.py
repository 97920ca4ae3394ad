"""The host's ends of the stdin, stdout and stderr of a command in a guest."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar

from labctl.core import coroutines
from labctl.core.errors import LabctlError
from labctl.core.size import format_size
from labctl.host.libvirt.connection import call_on

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator


T = TypeVar("T")
LIMIT_BYTES = 64 << 20  # of what is kept in memory of one stream
FEW_BYTES = 1 << 20  # the same for labctl's own commands, which say little
# What a piece counts beside its bytes: each one is answered, and a guest can make them small.
PIECE_COST = 256


class Stdin(Protocol):
    """What a command reads."""

    async def read(self, size: int) -> bytes:
        """Read at most `size` bytes; none at the end."""


class Sink(Protocol):
    """What takes the output of a command as it arrives: a file, or something like it."""

    def write(self, data: bytes, /) -> object:
        """Take some of it."""

    def flush(self) -> object:
        """Pass on what was taken."""


class FileStdin:
    """A local file, or bytes. Reading them never takes long."""

    def __init__(self, content: bytes | BinaryIO) -> None:
        self._file = io.BytesIO(content) if isinstance(content, bytes) else content

    async def read(self, size: int) -> bytes:
        return self._file.read(size)


class PiecesStdin:
    """What is made piece by piece while it is sent. To make a piece never takes long."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    async def read(self, size: int) -> bytes:
        while len(self._rest) < size and (piece := next(self._pieces, None)) is not None:
            self._rest += piece
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


class LiveStdin:
    """A file descriptor whose reader may have to wait for long, such as a terminal or a pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def read(self, size: int) -> bytes:
        """Read in a daemon thread. The command may end, and labctl too, while nothing has been typed."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[bytes] = loop.create_future()

        def read() -> None:
            try:
                data = os.read(self._descriptor, size)
            except OSError:
                data = b""  # it is closed, or a folder
            call_on(loop, _set, arrived, data)

        threading.Thread(target=read, name="stdin", daemon=True).start()
        return await arrived


class StreamStdin:
    """A connection whose other end may let one wait for long."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def read(self, size: int) -> bytes:
        try:
            return await self._reader.read(size)
        except OSError:
            return b""  # the other end is gone


def _set(future: asyncio.Future[bytes], data: bytes) -> None:
    if not future.done():  # it is cancelled where nobody waits any more
        future.set_result(data)


class Captured:
    """The output of a command. It is written to the given files, or else kept in memory, up to a limit."""

    def __init__(
        self, stdout: Sink | None = None, stderr: Sink | None = None, limit: int = LIMIT_BYTES
    ) -> None:
        self._limit = limit
        self._files: dict[str, Sink] = {
            "stdout": stdout or io.BytesIO(),
            "stderr": stderr or io.BytesIO(),
        }
        self._kept = {name: 0 for name, given in (("stdout", stdout), ("stderr", stderr)) if given is None}

    def write(self, stream: str, data: bytes) -> None:
        file = self._files[stream]
        if stream in self._kept:
            self._kept[stream] += len(data) + PIECE_COST
            if self._kept[stream] > self._limit:
                raise LabctlError(f"it wrote more than {format_size(self._limit)} to its {stream}")
        file.write(data)
        file.flush()  # somebody may be looking at it

    def __getitem__(self, stream: str) -> bytes:
        """What was kept of a stream; empty if it was written to a file."""
        file = self._files[stream]
        return file.getvalue() if stream in self._kept and isinstance(file, io.BytesIO) else b""


async def while_fed(command: Coroutine[None, None, T], feeding: Coroutine[None, None, None]) -> T:
    """Wait for a command while its stdin is sent. What is not sent yet when it ends is dropped.

    An error of either is raised.
    """
    async with coroutines.side_by_side(command, feeding) as (running, fed):
        if not running.done():
            await fed  # raises where it failed
        return await running
