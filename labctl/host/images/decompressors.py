"""Decompressors of xz, gz and zst with one interface and a limit on memory.

The interface is that of lzma's LZMADecompressor: one object decompresses one stream (xz), member (gz) or frame (zst).
A file may consist of several of them in a row.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

XZ_MEMORY = 256 << 20  # bytes; `xz -9` takes 65 MiB, and only a hostile file needs more than this
ZST_WINDOW_LOG = 27  # 128 MiB, as `zstd -d` allows without --long=28
MAGIC_SIZE = 6
_SKIPPABLE = {
    bytes([0x50 + each, 0x2A, 0x4D, 0x18]) for each in range(16)
}  # skippable frames; pzstd begins with one


class Decompressor(Protocol):
    """Decompresses one stream, at most `max_length` bytes in a call, so that a zip bomb can't fill the memory."""

    @property
    def eof(self) -> bool:
        """Whether the stream is complete; its checksum was right then."""

    @property
    def needs_input(self) -> bool:
        """Whether `decompress` gives nothing more without more input."""

    @property
    def unused_data(self) -> bytes:
        """The input behind the end of the stream."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Decompress more data. Raises the exception that `decompressor()` names when the data is damaged."""


class Gunzip:
    """zlib's decompressor with lzma's interface."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not (self.eof or self._full or self._zlib.unconsumed_tail)

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        decoded = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self._full = len(decoded) == max_length  # zlib may then have more output, even if no input is left
        return decoded


def compression_of(head: bytes) -> str | None:
    """Detect the compression of a file by its first MAGIC_SIZE bytes: xz, gz, zst, or None."""
    if head.startswith(b"\xfd7zXZ\0"):
        return "xz"
    if head.startswith(b"\x1f\x8b\x08"):
        return "gz"
    if head.startswith(b"\x28\xb5\x2f\xfd") or head[:4] in _SKIPPABLE:
        return "zst"
    return None


def decompressor(name: str) -> tuple[Callable[[], Decompressor], type[Exception]]:
    """Give a factory of decompressors for xz, gz or zst, and the exception that these raise for damaged data."""
    if name == "xz":
        import lzma

        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY), lzma.LZMAError
    if name == "gz":
        return Gunzip, zlib.error
    return _zst()


def _zst() -> tuple[Callable[[], Decompressor], type[Exception]]:
    import sys

    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: ZST_WINDOW_LOG}
    return lambda: zstd.ZstdDecompressor(options=options), zstd.ZstdError
