"""What `status` shows of an image on which disks of VMs are based."""

from __future__ import annotations

from labctl.core.record import record


@record
class ImageOverview:
    """An image of the store whose `state` is `missing`, `damaged` or `changed`, and the VMs that are based on it."""

    label: str
    state: str
    vms: tuple[str, ...]
