"""A display on a UNIX socket: https://libvirt.org/formatdomain.html#graphical-framebuffers.

A display asks for no password. libvirt makes the socket in a folder that only root and QEMU's user may enter, while a
port, also of a loopback address, is open to every user of the host.
"""

from __future__ import annotations

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Property

SOCKET = "socket"


@record
class Graphics:
    """A display of `type` `vnc` or `spice`. `listen` is what it listens on, in libvirt's word."""

    type: str
    listen: str = SOCKET

    @property
    def exposed(self) -> bool:
        """Whether it listens on a port. labctl made displays on the loopback address until 0.1."""
        return self.listen not in (SOCKET, "none")


@record
class Video:
    """The graphics card."""

    model: str = "virtio"


GRAPHICS = Declaration(
    "devices/graphics",
    Graphics,
    Property("type", "@type"),
    Property("listen", "listen/@type"),
)
VIDEO = Declaration("devices/video", Video, Property("model", "model/@type"))
