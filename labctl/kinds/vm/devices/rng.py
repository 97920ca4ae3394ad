"""The random number generator: https://libvirt.org/formatdomain.html#random-number-generator-device."""

from __future__ import annotations

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Fixed, Property


@record
class Rng:
    """A generator; `source` is the file of the host from which the numbers come."""

    source: str = "/dev/urandom"


RNG = Declaration(
    "devices/rng",
    Rng,
    Fixed("@model", "virtio"),
    Fixed("backend/@model", "random"),
    Property("source", "backend"),
)
