"""Decompression of an untrusted image into a sparse file, as a stream."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from labctl.core.errors import LabctlError
from labctl.host.files import os_errors
from labctl.host.images import decompressors, limits
from labctl.host.images.sparse import BLOCK, CREATE, SparseFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Progress = Callable[[int, int], None]  # bytes of the source that were read, bytes of the source in all

CHUNK = 256 << 10  # bytes of input, and of output, at a time


def compression(source: Path) -> str | None:
    """Detect the compression of a file by its first bytes: xz, gz, zst, or None. LabctlError if it can't be read."""
    try:
        with source.open("rb") as file:
            return decompressors.compression_of(file.read(decompressors.MAGIC_SIZE))
    except OSError as error:
        raise os_errors.as_labctl_error(error, "can't read it", source) from error


def unpack(
    source: Path,
    target: Path,
    progress: Progress,
    *,
    limit: int = limits.UNPACKED,
    data_limit: int = limits.DOWNLOAD,
) -> str:
    """Decompress a file and return the sha256 of the result in hex.

    Args:
        source: a file of xz streams, gz members or zst frames.
        target: the sparse file to make, which appears only when it is complete. The caller holds a lock for it.
        progress: is called with the bytes of the source that were read, and all of them.
        limit: the most bytes that the result may have.
        data_limit: the same, without its holes.

    Raises:
        LabctlError: the source is not compressed, damaged, truncated, followed by something else or too big, or the
            disk is full. No file is left then.
    """
    part = target.with_name(f"{target.name}.part")
    if (kind := compression(source)) is None:
        raise LabctlError(
            "neither xz, gz nor zst", where=str(source), hint="is it the image, or was it unpacked already?"
        )
    try:
        with source.open("rb") as packed, os.fdopen(os.open(part, CREATE, 0o600), "wb", buffering=0) as file:
            output = SparseFile(file, part.parent, limit, data_limit)
            _decode(packed, kind, output, progress)
            digest = output.finish()
        part.replace(target)
    except OSError as error:
        raise os_errors.as_labctl_error(error, "can't write it", target) from error
    except LabctlError as error:
        raise LabctlError(error.summary, hint=error.hint, where=error.where or str(source)) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return digest


def _decode(packed: BinaryIO, kind: str, output: SparseFile, progress: Progress) -> None:
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
    """Decompress all streams of a file, in pieces of at most CHUNK bytes."""
    new, broken = decompressors.decompressor(kind)
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


def _stream(stream: decompressors.Decompressor, packed: BinaryIO, data: bytes) -> Iterator[bytes]:
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
    """Read the beginning of the next stream behind the padding with zeros; empty at the end of the file."""
    while True:
        if kind != "zst":  # zstd does not pad its frames
            rest = rest.lstrip(b"\0")
        if len(rest) >= decompressors.MAGIC_SIZE:
            break
        more = packed.read(CHUNK)
        if not more:
            break
        rest += more
    if rest and decompressors.compression_of(rest[: decompressors.MAGIC_SIZE]) != kind:
        raise LabctlError(
            "something else follows the compressed data", hint="fetch it again, or unpack it by hand"
        )
    return rest
