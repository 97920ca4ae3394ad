"""Decompress an image as a stream into a sparse file, distrusting what it is made of."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from labctl.core.errors import LabctlError
from labctl.core.size import format_size
from labctl.host.files import local
from labctl.host.images import codecs
from labctl.host.machine import space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Progress = Callable[[int, int], None]  # bytes of the source read, bytes of it in all

LIMIT = 1 << 40
CHUNK = 256 << 10  # of input, and of output
BLOCK = 64 << 10  # zeros of that length and alignment become a hole
ZEROS = bytes(BLOCK)
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def compression(source: Path) -> str | None:
    """xz, gz or zst as the file's first bytes tell, None for anything else. LabctlError when it can't be read."""
    try:
        with source.open("rb") as file:
            return codecs.codec(file.read(codecs.MAGIC_SIZE))
    except OSError as error:
        raise local.failed(error, "can't read it", source) from error


def unpack(source: Path, target: Path, progress: Progress, *, limit: int = LIMIT) -> str:
    """Decompress into `target`, which appears only when all of it is there; its sha256 in hex.

    Args:
        source: xz, gz or zst, also several in a row, told by its magic.
        target: a sparse file, made anew. One at a time: the caller has a lock.
        progress: told of the bytes of the source.
        limit: bytes, the most that it may become; its data without the holes has to fit the disk besides.

    Raises:
        LabctlError: not compressed, damaged, truncated, followed by something else, too big, or the disk is full.
            Nothing is left then.
    """
    part = target.with_name(f"{target.name}.part")
    kind = compression(source)
    if kind is None:
        raise LabctlError(
            "neither xz, gz nor zst", where=str(source), hint="is it the image, or was it unpacked already?"
        )
    try:
        with source.open("rb") as packed, os.fdopen(os.open(part, _FLAGS, 0o600), "wb", buffering=0) as file:
            output = _Sparse(file, part, limit)
            _decode(packed, kind, output, progress)
            digest = output.finish()
        part.replace(target)
    except OSError as error:
        raise local.failed(error, "can't write it", target) from error
    except LabctlError as error:
        raise LabctlError(error.summary, hint=error.hint, where=error.where or str(source)) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return digest


class _Sparse:
    """Writes blocks one after the other, all but the last of BLOCK bytes, and leaves out those that are zeros."""

    def __init__(self, file: BinaryIO, path: Path, limit: int) -> None:
        self._descriptor = file.fileno()
        self._room = space.Room(path.parent)
        self._limit = limit
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, block: bytes) -> None:
        position, self._size = self._size, self._size + len(block)
        if self._size > self._limit:
            raise LabctlError(
                f"it unpacks to more than {format_size(self._limit)}",
                hint="a small file that becomes a huge one is no image; or allow more",
            )
        self._hash.update(block)
        if block != ZEROS[: len(block)]:
            self._room.spend(len(block))
            rest = memoryview(block)
            while rest:  # a disk that fills up takes a part first
                written = os.pwrite(self._descriptor, rest, position)
                position, rest = position + written, rest[written:]

    def finish(self) -> str:
        os.ftruncate(self._descriptor, self._size)  # it may end with a hole
        os.fsync(self._descriptor)
        return self._hash.hexdigest()


def _decode(packed: BinaryIO, kind: str, output: _Sparse, progress: Progress) -> None:
    total = os.fstat(packed.fileno()).st_size
    pending = bytearray()
    for piece in _pieces(packed, kind):
        pending += piece
        whole = len(pending) - len(pending) % BLOCK
        for start in range(0, whole, BLOCK):
            output.write(bytes(pending[start : start + BLOCK]))
        del pending[:whole]
        progress(packed.tell(), total)
    if pending:
        output.write(bytes(pending))
    progress(total, total)


def _pieces(packed: BinaryIO, kind: str) -> Iterator[bytes]:
    """What all of the file's streams, members or frames hold, in pieces of at most CHUNK."""
    new, broken = codecs.decoder(kind)
    data = packed.read(CHUNK)
    while data:
        stream = new()
        try:
            yield from _stream(stream, packed, data)
        except broken as error:
            raise LabctlError(
                f"can't unpack it: {error}", hint="is it damaged, or does it take more memory than is right?"
            ) from error
        data = _following(stream.unused_data, packed, kind)


def _stream(stream: codecs.Decoder, packed: BinaryIO, data: bytes) -> Iterator[bytes]:
    while True:
        piece = stream.decompress(data, CHUNK)
        if piece:
            yield piece
        if stream.eof:
            return
        data = packed.read(CHUNK) if stream.needs_input else b""
        if stream.needs_input and not data:
            raise LabctlError("it ends too early", hint="fetch it again")


def _following(rest: bytes, packed: BinaryIO, kind: str) -> bytes:
    """The beginning of the next stream, empty at the end of the file; padding of zeros is left out."""
    while True:
        if kind != "zst":  # whose frames are not padded
            rest = rest.lstrip(b"\0")
        if len(rest) >= codecs.MAGIC_SIZE:
            break
        more = packed.read(CHUNK)
        if not more:
            break
        rest += more
    if rest and codecs.codec(rest[: codecs.MAGIC_SIZE]) != kind:
        raise LabctlError(
            "something else follows the compressed data", hint="fetch it again, or unpack it by hand"
        )
    return rest
