"""The memory balloon: https://libvirt.org/formatdomain.html#memory-balloon-device."""

from __future__ import annotations

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Property


@record
class Memballoon:
    """`none` as its `model` says that there is none."""

    model: str = "virtio"


MEMBALLOON = Declaration("devices/memballoon", Memballoon, Property("model", "@model"))
