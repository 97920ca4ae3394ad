"""The domain of a VM."""

from __future__ import annotations

from typing import Any

import libvirt

from labctl.core import identity
from labctl.host.libvirt.connection import found

WHOLE = (
    libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
)  # flags for XML that can be defined again


def find(virt: Any, lab: str, vm: str) -> Any:  # virConnect → virDomain
    """The domain of a VM; None without one."""
    uuid, name = identity.object_uuid(lab, "vm", vm), identity.libvirt_name(lab, vm)
    # a domain that someone renamed still has its UUID
    return found((virt.lookupByUUIDString, uuid), (virt.lookupByName, name))


def persist(domain: Any) -> None:
    """Define a transient domain again: libvirt would forget it, and what belongs to it, once it is off."""
    if not domain.isPersistent():
        domain.connect().defineXML(domain.XMLDesc(WHOLE))
