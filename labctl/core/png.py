"""Makes PNG of the pictures that QEMU gives of a screen (https://netpbm.sourceforge.net/doc/ppm.html)."""

from __future__ import annotations

import re
import struct
import zlib

_HEAD = re.compile(rb"P6\s+(?:#[^\n]*\n\s*)?(\d{1,5})\s+(\d{1,5})\s+255\s")


def from_ppm(data: bytes) -> bytes:
    """Make a PNG of a PPM picture with 8 bits a colour.

    Raises:
        ValueError: it is no such picture.
    """
    head = _HEAD.match(data)
    if not head:
        raise ValueError("no PPM picture with 8 bits a colour")
    width, height = int(head[1]), int(head[2])
    pixels = data[head.end() :]
    if len(pixels) != 3 * width * height or not pixels:
        raise ValueError("a PPM picture of another size than it says")
    rows = (b"\0" + pixels[at : at + 3 * width] for at in range(0, len(pixels), 3 * width))  # 0: no filter
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),  # 2: red, green and blue
        b"IDAT": zlib.compress(b"".join(rows)),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(_part(name, part) for name, part in parts.items())


def _part(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
