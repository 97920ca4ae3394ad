"""Upload and download of volumes through libvirt's streams, with holes kept and in constant memory.

A stream has to be finished before the next use of the pool, since a refresh fails while one is open.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, Protocol

import libvirt

from labctl.core.errors import LabctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Progress = Callable[[int, int], None]  # bytes that are done, bytes in all

CHUNK = 256 * 1024  # bytes; libvirt's own tools send as much in one message
ZEROS = bytes(CHUNK)


class Writer(Protocol):
    """An object to which content is written, as an open file."""

    def write(self, data: bytes, /) -> object:
        """Write the next bytes."""


def send(
    conn: libvirt.virConnect,
    volume: libvirt.virStorageVol,
    source: BinaryIO,
    length: int,
    progress: Progress | None = None,
) -> None:
    """Upload `length` bytes from the source's position into the volume. Holes of a file stay holes.

    Raises:
        LabctlError: not all was written, or the source is too short.
    """
    _put(conn, volume, length, _read(source, length), progress)


def receive(
    conn: libvirt.virConnect, volume: libvirt.virStorageVol, offset: int, length: int
) -> Iterator[bytes]:
    """Download `length` bytes (0: all) of the volume from `offset`, in pieces. Holes become zeros."""
    for piece in _pieces(conn, volume, offset, length):
        if isinstance(piece, bytes):
            yield piece
        else:
            for start in range(0, piece, CHUNK):
                yield ZEROS[: min(CHUNK, piece - start)]


def copy(
    conn: libvirt.virConnect, source: libvirt.virStorageVol, target: libvirt.virStorageVol, length: int
) -> None:
    """Write the first `length` bytes of a volume into another one. Holes stay holes.

    Raises:
        LabctlError: not all was written, or the source became shorter.
    """
    if _put(conn, target, length, _pieces(conn, source, 0, length)) != length:
        raise LabctlError("it became shorter while it was read")


def _put(
    conn: libvirt.virConnect,
    volume: libvirt.virStorageVol,
    length: int,
    pieces: Iterable[bytes | int],
    progress: Progress | None = None,
) -> int:
    """Write data and the sizes of holes into a volume, in order, and give how many bytes these were."""
    done, last = 0, (0, b"")
    with _stream(conn) as stream:
        volume.upload(stream, 0, length, libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM)
        for piece in pieces:
            if isinstance(piece, bytes):
                _send(stream, piece)
                last = last if piece == ZEROS[: len(piece)] else (done, piece)
                done += len(piece)
            else:
                stream.sendHole(piece)
                done += piece
            if progress:
                progress(done, length)
    _check_written(conn, volume, *last)
    return done


def _check_written(conn: libvirt.virConnect, volume: libvirt.virStorageVol, offset: int, data: bytes) -> None:
    """Read back the last bytes that were sent to a volume.

    libvirt writes in the background, in order, up to the first error. If the stream is finished by then, libvirt tells
    nobody of that error. Where the last bytes are there, all are.
    """
    if data and b"".join(receive(conn, volume, offset, len(data))) != data:
        raise LabctlError(
            f"{volume.name()} was not written to its end",
            hint="free some disk space; what was written in part is removed again",
        )


def same(
    conn: libvirt.virConnect,
    volume: libvirt.virStorageVol,
    source: BinaryIO,
    progress: Progress | None = None,
) -> bool:
    """Whether the volume has the content of the source from its position to its end. Holes are not transferred."""
    start, length = source.tell(), source.seek(0, os.SEEK_END)
    position = start
    for piece in _pieces(conn, volume, 0, 0):
        if isinstance(piece, bytes):
            source.seek(position)
            if source.read(len(piece)) != piece:
                return False
            position += len(piece)
        else:
            if not _is_zero(source, position, position + piece):
                return False
            position += piece
        if progress:
            progress(position - start, length - start)
    return position == length


def _is_zero(source: BinaryIO, position: int, end: int) -> bool:
    """Whether the source reaches to `end` and is zero between the two positions."""
    while position < end:
        data, hole = _next_data(source, position, end)
        if data >= end:
            return source.seek(0, os.SEEK_END) >= end
        source.seek(data)
        size = min(hole - data, CHUNK)
        if source.read(size) != ZEROS[:size]:
            return False
        position = data + size
    return True


def _pieces(
    conn: libvirt.virConnect, volume: libvirt.virStorageVol, offset: int, length: int
) -> Iterator[bytes | int]:
    """The volume's content as data and the sizes of holes, in order."""
    with _stream(conn) as stream:
        volume.download(stream, offset, length, libvirt.VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM)
        yield from _received(stream)


@contextmanager
def _stream(conn: libvirt.virConnect) -> Iterator[libvirt.virStream]:
    """A stream. It is finished at the end of the block, which raises late errors, or aborted if the block fails."""
    stream = conn.newStream()
    try:
        yield stream
    except BaseException:
        with suppress(
            libvirt.libvirtError
        ):  # the stream may not be open yet, or may have caused the error itself
            stream.abort()
        raise
    stream.finish()


def _send(stream: libvirt.virStream, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[stream.send(bytes(left)) :]


def _read(source: BinaryIO, length: int) -> Iterator[bytes | int]:
    """The next bytes of a file, as data and the sizes of holes."""
    for is_data, size in _extents(source, length):
        if is_data:
            data = source.read(size)
            if len(data) != size:
                raise LabctlError("the file became shorter while it was read")
            yield data
        else:
            source.seek(size, os.SEEK_CUR)
            yield size


def _extents(source: BinaryIO, length: int) -> Iterator[tuple[bool, int]]:
    """The extents of the source from its position on, as pairs: whether it is data, and its bytes; data in chunks."""
    position = source.tell()
    end = position + length
    while position < end:
        data, hole = _next_data(source, position, end)
        if data > position:
            yield False, data - position
        for start in range(data, hole, CHUNK):
            yield True, min(CHUNK, hole - start)
        position = hole


def _next_data(source: BinaryIO, position: int, end: int) -> tuple[int, int]:
    """The start and the end of the next data; all is data if the source is no real file."""
    try:
        descriptor = source.fileno()
    except (OSError, AttributeError):
        return position, end
    try:
        data = os.lseek(descriptor, position, os.SEEK_DATA)
    except OSError:  # ENXIO: only a hole follows
        data = end
    hole = os.lseek(descriptor, data, os.SEEK_HOLE) if data < end else end
    source.seek(position)  # lseek has moved the descriptor behind the buffered reader's back
    return min(data, end), min(hole, end)


def _received(stream: libvirt.virStream) -> Iterator[bytes | int]:
    while True:
        data = stream.recvFlags(CHUNK, libvirt.VIR_STREAM_RECV_STOP_AT_HOLE)
        if data == -3:
            yield stream.recvHole()
        elif data:
            yield data
        else:
            return
