"""An input device: https://libvirt.org/formatdomain.html#input-devices."""

from __future__ import annotations

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Property


@record
class Input:
    """An input device of a `type`, as `keyboard`, on a `bus`, as `usb`."""

    type: str
    bus: str


INPUT = Declaration("devices/input", Input, Property("type", "@type"), Property("bus", "@bus"))
KEYBOARD = Input("keyboard", "usb")
