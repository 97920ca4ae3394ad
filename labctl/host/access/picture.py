"""A picture of a VM's screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from labctl.core import png
from labctl.core.errors import LabctlError
from labctl.core.size import format_size

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_BYTES = 128 << 20  # 8K has 100 MB
_PNG = b"\x89PNG"


def taken(domain: Any) -> bytes:
    """A picture of the first screen, as PNG. libvirt gives PNG or PPM, as QEMU can.

    Raises:
        LabctlError: it has no screen, or what came is no picture.
    """
    if not has_screen(domain.XMLDesc()):
        raise LabctlError(
            "it has no screen",
            hint="`graphics: vnc` in the Labfile gives it one; its console is `labctl console`",
        )
    stream = domain.connect().newStream()
    domain.screenshot(stream, 0)
    data = b"".join(_pieces(stream))
    stream.finish()
    if data.startswith(_PNG):
        return data
    try:
        return png.from_ppm(data)
    except ValueError as error:
        raise LabctlError(f"the picture of its screen can't be read: {error}") from error


def has_screen(xml: str) -> bool:
    """Whether a domain has a graphics card."""
    models = ElementTree.fromstring(xml).findall("devices/video/model")
    return any(each.get("type") not in (None, "none") for each in models)


def _pieces(stream: Any) -> Iterator[bytes]:
    left = LIMIT_BYTES
    while piece := stream.recv(65536):
        left -= len(piece)
        if left < 0:
            stream.abort()
            raise LabctlError(f"the picture of its screen has more than {format_size(LIMIT_BYTES)}")
        yield piece
