"""An input device: https://libvirt.org/formatdomain.html#input-devices."""

from __future__ import annotations

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Property


@record
class Input:
    """`type` is what it is, as `keyboard`; `bus` what it is plugged into."""

    type: str
    bus: str


INPUT = Declaration("devices/input", Input, Property("type", "@type"), Property("bus", "@bus"))
KEYBOARD = Input("keyboard", "usb")
