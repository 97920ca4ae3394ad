"""Decoders of xz, gz and zst behind one interface, told apart by magic and bounded in memory.

The interface is that of lzma's LZMADecompressor: one decoder decodes one stream (xz), member (gz) or frame (zst), and a
file may be several of them in a row.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

XZ_MEMORY = 256 << 20  # `xz -9` takes 65 MiB; what wants more was made to take it
ZST_WINDOW_LOG = 27  # 128 MiB, as `zstd -d` allows without --long=28
MAGIC_SIZE = 6
_SKIPPABLE = {bytes([0x50 + each, 0x2A, 0x4D, 0x18]) for each in range(16)}  # pzstd's files begin with one


class Decoder(Protocol):
    """Gives at most `max_length` bytes a call, also of a bomb."""

    @property
    def eof(self) -> bool:
        """The stream, member or frame is complete, and its check sum was right."""

    @property
    def needs_input(self) -> bool:
        """Nothing more comes without more input."""

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Raises one of `errors()` for what can't be decoded."""


class Gunzip:
    """zlib's object with lzma's interface."""

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
        self._full = len(decoded) == max_length  # then zlib may hold back more, without any input left
        return decoded


def codec(head: bytes) -> str | None:
    """What the first MAGIC_SIZE bytes tell: xz, gz, zst or None."""
    if head.startswith(b"\xfd7zXZ\0"):
        return "xz"
    if head.startswith(b"\x1f\x8b\x08"):
        return "gz"
    if head.startswith(b"\x28\xb5\x2f\xfd") or head[:4] in _SKIPPABLE:
        return "zst"
    return None


def decoder(name: str) -> tuple[Callable[[], Decoder], type[Exception]]:
    """What makes a fresh decoder of that codec, and what it raises."""
    if name == "xz":
        import lzma

        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY), lzma.LZMAError
    if name == "gz":
        return Gunzip, zlib.error
    return _zst()


def _zst() -> tuple[Callable[[], Decoder], type[Exception]]:
    import sys

    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: ZST_WINDOW_LOG}
    return lambda: zstd.ZstdDecompressor(options=options), zstd.ZstdError
