"""What the driver asks of a virDomain, which may be in any state by now."""

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
# A definition that can be written again
_WHOLE = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
_UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    | libvirt.VIR_DOMAIN_UNDEFINE_TPM
)


def run(domain: Any, spec: VmSpec) -> None:
    """Start it, or let it go on; libvirtd may just be at that, for a labctl that was killed."""
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


def persist(domain: Any) -> None:
    """Define what someone undefined while it runs: else it is gone once it is off, with all that is kept of it."""
    if not domain.isPersistent():
        domain.connect().defineXML(domain.XMLDesc(_WHOLE))


def rename(domain: Any, name: str) -> None:
    """Give a domain that is off its name back; a driver that can't takes it as a new definition."""
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
    """Ask its guest to shut down; one that has crashed can't, so that its power is cut."""
    state = state_of(domain)
    if state == State.CRASHED:
        destroy(domain)
        return
    if state == State.PAUSED:
        domain.resume()  # a paused guest can't react
    domain.shutdown()


def discard(domain: Any) -> None:
    if domain.hasManagedSaveImage():
        domain.managedSaveRemove()


def undefine(domain: Any) -> None:
    """Remove a definition with all that belongs to it; a driver without such things refuses to be asked for them."""
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
