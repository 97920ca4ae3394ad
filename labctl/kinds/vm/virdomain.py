"""Actions on a virDomain, whose state may have changed since it was last read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core.errors import LabctlError
from labctl.core.lifecycle import State
from labctl.host.libvirt.domain_state import state_of

if TYPE_CHECKING:
    from labctl.kinds.vm.spec import VmSpec

SHUTDOWN_S = 60.0
# Flags for XML that can be defined again
_WHOLE = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
_UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    | libvirt.VIR_DOMAIN_UNDEFINE_TPM
)


def run(domain: Any, spec: VmSpec) -> bool:
    """Start or resume a domain, unless it runs: gives whether it did not.

    libvirtd may be starting it already, for another labctl that was killed.
    """
    state = state_of(domain)
    try:
        if state == State.PAUSED:
            domain.resume()
        elif state != State.RUNNING:
            domain.create()
    except libvirt.libvirtError as error:
        now = state_of(domain)
        if now == State.SAVED:
            raise LabctlError(
                f"its saved memory can't be restored: {error.get_error_message() or error}",
                where=str(spec.address),
                hint=f"if it is of no use any more: `labctl halt {spec.name}` discards it",
            ) from error
        if now != State.RUNNING:
            raise
    return state != State.RUNNING


def persist(domain: Any) -> None:
    """Define a transient domain again: libvirt would forget it, and what belongs to it, once it is off."""
    if not domain.isPersistent():
        domain.connect().defineXML(domain.XMLDesc(_WHOLE))


def rename(domain: Any, name: str) -> None:
    """Rename a domain that is off. For a driver that can't rename, it is undefined and defined again."""
    try:
        domain.rename(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
            raise
        root, virt = ET.fromstring(domain.XMLDesc(_WHOLE)), domain.connect()
        root.find("name").text = name  # type: ignore[union-attr]  # each has one
        undefine(domain)
        virt.defineXML(ET.tostring(root, encoding="unicode"))


def shutdown(domain: Any) -> None:
    """Ask the guest to shut down. A crashed guest can't, so its power is cut."""
    state = state_of(domain)
    if state == State.CRASHED:
        destroy(domain)
        return
    if state == State.PAUSED:
        domain.resume()  # a paused guest does not react
    domain.shutdown()


def discard(domain: Any) -> None:
    if domain.hasManagedSaveImage():
        domain.managedSaveRemove()


def undefine(domain: Any) -> None:
    """Undefine a domain with all that belongs to it, or plainly for a driver that doesn't know the flags."""
    try:
        domain.undefineFlags(_UNDEFINE)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_INVALID_ARG:
            raise
        domain.undefine()


def destroy(domain: Any) -> None:
    deadline = time.monotonic() + SHUTDOWN_S
    while domain.isActive():
        try:
            domain.destroy()
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID and time.monotonic() > deadline:
                raise
