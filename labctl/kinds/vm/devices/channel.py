"""A virtio-serial port: https://libvirt.org/formatdomain.html#channel."""

from __future__ import annotations

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Fixed, Property


@record
class Channel:
    """A port, which the guest finds by its name."""

    name: str


CHANNEL = Declaration(
    "devices/channel",
    Channel,
    Fixed("@type", "unix"),
    Fixed("target/@type", "virtio"),
    Property("name", "target/@name"),
)
LABCTL = Channel("org.labctl.guest.0")  # labctl's port, which templates/guest/labctl-guest.sh serves
GUEST_AGENT = Channel("org.qemu.guest_agent.0")
