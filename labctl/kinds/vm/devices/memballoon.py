"""The memory balloon: https://libvirt.org/formatdomain.html#memory-balloon-device."""

from __future__ import annotations

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Property


@record
class Memballoon:
    """A balloon; the `model` `none` means that the VM has no balloon."""

    model: str = "virtio"


MEMBALLOON = Declaration("devices/memballoon", Memballoon, Property("model", "@model"))
