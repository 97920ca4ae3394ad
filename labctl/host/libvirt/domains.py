"""The domain of a VM."""

from __future__ import annotations

from typing import Any

from labctl.core import identity
from labctl.host.libvirt.connection import found


def find(virt: Any, lab: str, vm: str) -> Any:  # virConnect → virDomain
    """The domain of a VM; None without one."""
    uuid, name = identity.object_uuid(lab, "vm", vm), identity.libvirt_name(lab, vm)
    # a domain that someone renamed still has its UUID
    return found((virt.lookupByUUIDString, uuid), (virt.lookupByName, name))
