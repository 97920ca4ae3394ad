"""What the disks of labs stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libvirt

from labctl.core import identity
from labctl.host.libvirt import volumes

if TYPE_CHECKING:
    from labctl.host.libvirt.volumes import Facts


def image_below(virt: libvirt.virConnect, disk: Facts) -> str:
    """The path of the image that a disk stands on, itself or with its warm state between; empty without one."""
    below = disk.backing or ""
    if not identity.warm_part(below.rpartition("/")[2]):
        return below
    try:
        return volumes.read(virt.storageVolLookupByPath(below).XMLDesc()).backing or ""
    except libvirt.libvirtError:
        return ""  # it is gone, or its pool is stopped
