"""What people want to know of an image that VMs stand on."""

from __future__ import annotations

from labctl.core.record import record


@record
class ImageOverview:
    """An image of the store that is `missing`, `damaged` or `changed` by its looks, and the VMs that stand on it."""

    label: str
    state: str
    vms: tuple[str, ...]
