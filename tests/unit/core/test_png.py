"""PNG of QEMU's pictures."""

import struct
import zlib

import pytest

from labctl.core import png


def pixels(data: bytes) -> tuple[int, int, bytes]:
    """The width, the height and the pixels of a PNG; each part has to have its checksum."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    parts, at = {}, 8
    while at < len(data):
        (size,), name = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        parts[name] = data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size]) == (zlib.crc32(name + parts[name]),)
        at += size + 12
    width, height = struct.unpack(">II", parts[b"IHDR"][:8])
    rows = zlib.decompress(parts[b"IDAT"])
    step = 3 * width + 1
    assert list(parts) == [b"IHDR", b"IDAT", b"IEND"]
    assert {rows[row * step] for row in range(height)} == {0}
    return width, height, b"".join(rows[row * step + 1 : (row + 1) * step] for row in range(height))


@pytest.mark.parametrize("head", [b"P6\n3 2\n255\n", b"P6 # by QEMU\n3 2 255 "])
def test_a_picture_stays_the_same(head):
    image = bytes(range(18))
    assert pixels(png.from_ppm(head + image)) == (3, 2, image)


@pytest.mark.parametrize(
    "data", [b"", b"P5\n1 1\n255\nx", b"P6\n1 1\n255\nxy", b"P6\n0 0\n255\n", b"P6\n1 1\n65535\nxyz"]
)
def test_what_is_no_such_picture_is_an_error(data):
    with pytest.raises(ValueError, match="PPM picture"):
        png.from_ppm(data)
