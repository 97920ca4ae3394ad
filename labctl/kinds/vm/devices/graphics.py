"""A display, to which only the host can connect: https://libvirt.org/formatdomain.html#graphical-framebuffers."""

from __future__ import annotations

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Fixed, Property


@record
class Graphics:
    """A display of `type` `vnc` or `spice`."""

    type: str


@record
class Video:
    """The graphics card."""

    model: str = "virtio"


LOOPBACK = "127.0.0.1"

GRAPHICS = Declaration(
    "devices/graphics",
    Graphics,
    Property("type", "@type"),
    Fixed("@autoport", "yes"),
    Fixed("@listen", LOOPBACK),
    Fixed("listen/@type", "address"),
    Fixed("listen/@address", LOOPBACK),
)
VIDEO = Declaration("devices/video", Video, Property("model", "model/@type"))
