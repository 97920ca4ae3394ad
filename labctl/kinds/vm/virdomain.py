"""Actions on a virDomain, whose state may have changed since it was last read."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core.errors import LabctlError
from labctl.core.lifecycle import State
from labctl.host.libvirt import block_commit, domains
from labctl.host.libvirt.connection import call_on
from labctl.host.libvirt.domain_state import state_of
from labctl.host.libvirt.registrations import registered

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.host.libvirt.connection import Connection
    from labctl.kinds.vm.spec import VmSpec

SHUTDOWN_S = 60.0
_BUSY_S = 0.2  # between two looks at a domain that libvirtd saves
_UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    | libvirt.VIR_DOMAIN_UNDEFINE_TPM
)


def run(domain: Any, spec: VmSpec, tell: Teller) -> bool:
    """Start or resume a domain, unless it runs: gives whether it did not.

    libvirtd may be starting it already, for another labctl that was killed. A domain that was saved while it was
    paused comes back paused.
    """
    state = settled(domain, tell)
    try:
        if state not in (State.RUNNING, State.PAUSED):
            domain.create()
        if state_of(domain) == State.PAUSED:
            domain.resume()
    except libvirt.libvirtError as error:
        now = state_of(domain)
        if now == State.SAVED:
            raise LabctlError(
                f"its saved memory can't be restored: {error.get_error_message() or error}",
                where=str(spec.address),
                hint="`labctl plan` shows whether it lacks a network or disk, which `labctl up` makes; "
                f"`labctl halt {spec.name}` discards the memory, and the next `labctl up` boots it",
            ) from error
        if now != State.RUNNING:
            raise
    return state != State.RUNNING


def settled(domain: Any, tell: Teller) -> State:
    """The state of a domain, once libvirtd has ended saving its memory: a run that was killed does not end that.

    Raises:
        Interrupted: the user stopped the run. libvirtd goes on saving.
    """
    while domain.state() == [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_SAVE] and _is_busy(domain):
        tell.progress("waiting until libvirt has saved its memory")
        time.sleep(_BUSY_S)
    return state_of(domain)


def _is_busy(domain: Any) -> bool:
    """Whether libvirtd works on the domain. It may have ended meanwhile."""
    try:
        return bool(domain.jobInfo()[0] != libvirt.VIR_DOMAIN_JOB_NONE)
    except libvirt.libvirtError:
        return False


def save(domain: Any, spec: VmSpec) -> None:
    """Save a domain's memory and end its QEMU. It takes as long as the host's disk takes to write the memory.

    Raises:
        LabctlError: it can't be saved, and goes on.
    """
    try:
        block_commit.call_off(domain)
        domain.managedSave(0)
    except libvirt.libvirtError as error:
        state = state_of(domain)
        if state not in (State.RUNNING, State.PAUSED):
            raise
        raise LabctlError(
            f"its memory can't be saved: {error.get_error_message() or error}; it is {state} as before",
            where=str(spec.address),
            hint="libvirt saves to the host's disk, below /var/lib/libvirt or, for an ordinary user's VMs, below"
            " ~/.config/libvirt: is there room? `labctl up` sets the VM's clock, which lost the time that this took",
        ) from error


def rename(domain: Any, name: str) -> None:
    """Rename a domain that is off. For a driver that can't rename, it is undefined and defined again."""
    try:
        domain.rename(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
            raise
        root, virt = ET.fromstring(domain.XMLDesc(domains.WHOLE)), domain.connect()
        root.find("name").text = name  # type: ignore[union-attr]  # each has one
        undefine(domain)
        virt.defineXML(ET.tostring(root, encoding="unicode"))


def shutdown(domain: Any, tell: Teller) -> None:
    """Ask the guest to shut down. A crashed guest can't, so its power is cut.

    Raises:
        LabctlError: its memory was saved meanwhile, and nobody said that it may be lost.
    """
    state = settled(domain, tell)
    if state == State.SAVED:
        raise LabctlError(
            "its memory was saved meanwhile", hint="the same command again asks whether it may be lost"
        )
    if state == State.CRASHED:
        destroy(domain)
    if state not in (State.RUNNING, State.PAUSED):
        return
    if state == State.PAUSED:
        domain.resume()  # a paused guest does not react
    domain.shutdown()


async def ended(connection: Connection, domain: Any, seconds: float) -> bool:
    """Wait for libvirt's event that the domain is off; False if it does not come in time."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def happened(_virt: Any, _domain: Any, event: int, _detail: int, _opaque: None) -> None:
        if event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
            call_on(loop, over.set)

    with registered(connection, {libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE: happened}, domain=domain):
        if not await connection.call(domain.isActive):
            return True  # the domain ended before the event was registered
        try:
            await asyncio.wait_for(over.wait(), seconds)
        except TimeoutError:
            return False
    return True


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
