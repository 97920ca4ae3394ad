"""A virtio-serial port: https://libvirt.org/formatdomain.html#channel."""

from __future__ import annotations

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Fixed, Property


@record
class Channel:
    """A port that the guest sees under its name."""

    name: str


CHANNEL = Declaration(
    "devices/channel",
    Channel,
    Fixed("@type", "unix"),
    Fixed("target/@type", "virtio"),
    Property("name", "target/@name"),
)
LABCTL = Channel(
    "org.labctl.guest.0"
)  # what the guest reports its stages on (templates/guest/labctl-guest.sh)
GUEST_AGENT = Channel("org.qemu.guest_agent.0")
