"""Changes to the devices of a running domain: unplugging and plugging in, and waiting for the guest to release them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core.errors import LabctlError
from labctl.core.record import replace
from labctl.host.libvirt import block_commit
from labctl.kinds.vm import xml
from labctl.kinds.vm.devices.controller import CONTROLLER, scsi, scsi_index
from labctl.kinds.vm.devices.disk import DISK
from labctl.kinds.vm.devices.filesystem import FILESYSTEM
from labctl.kinds.vm.devices.nic import NIC
from labctl.kinds.vm.disks_and_nics import DiskUse, NicUse
from labctl.kinds.vm.filesystems import FilesystemUse
from labctl.kinds.vm.network_ports import NetworkPorts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from labctl.core.address import Address
    from labctl.kinds.vm.spec import VmSpec

Device = DiskUse | NicUse | FilesystemUse
LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
DETACH_S, RETRY_S = 60.0, 5.0
BALLOON_STILL_S = 3.0  # the balloon has come to rest when it hasn't moved for so long
FIXED = ("root", "seed")  # disks that can't be unplugged from a running VM


def live(domain: Any, spec: VmSpec) -> VmSpec:  # a running virDomain
    """Read a VM's spec from its running domain."""
    return NetworkPorts(domain.connect()).with_unplugged_nics(seen(domain, spec))


def seen(domain: Any, spec: VmSpec) -> VmSpec:
    """Read a VM's spec from its domain's current XML, also if someone removed labctl's metadata."""
    root = ET.fromstring(domain.XMLDesc(0))
    return xml.read(root) or xml.adopt(root, spec.lab, spec.name)


def without(now: VmSpec, replaced: Collection[str]) -> VmSpec:
    """The VM's spec without the disks that are replaced; `replaced` has the addresses of replaced objects."""
    return replace(now, disks=tuple(use for use in now.disks if f"disk/{use.disk}" not in replaced))


def _xml(device: Device) -> str:
    if isinstance(device, DiskUse):
        return ET.tostring(DISK.render(device), encoding="unicode")
    if isinstance(device, NicUse):
        return ET.tostring(NIC.render(device), encoding="unicode")
    return ET.tostring(FILESYSTEM.render(device), encoding="unicode")


def leaving(now: VmSpec, wanted: VmSpec, replaced: Iterable[str]) -> list[Device]:
    """The devices to unplug: they are gone from the Labfile, changed, or on a disk or network that is replaced.

    `replaced` has the addresses of replaced objects, as `network/front`.
    """
    replaced = set(replaced)
    disks = {each.name: each for each in wanted.disks}
    nics = {each.name: each for each in wanted.nics}
    return [
        *(
            use
            for use in now.disks
            if use.name not in FIXED
            and (not _alike(use, disks.get(use.name)) or f"disk/{use.disk}" in replaced)
        ),
        *(
            nic
            for nic in now.nics
            if not _alike(nic, nics.get(nic.name)) or f"network/{nic.ours}" in replaced
        ),
        *(use for use in now.filesystems if use not in wanted.filesystems),
    ]


def _alike(now: Device, wanted: Device | None) -> bool:
    """Whether a plugged device can become the wanted one without unplugging, as by a new link state or new rates."""
    if wanted is None:
        return False
    if isinstance(now, NicUse) and isinstance(wanted, NicUse):
        now = replace(
            now, link=wanted.link, inbound=wanted.inbound, outbound=wanted.outbound, guest=wanted.guest
        )
        return replace(now, boot=wanted.boot, port=wanted.port) == wanted
    if isinstance(now, DiskUse) and isinstance(wanted, DiskUse):
        unplugged = {name: getattr(wanted, name) for name in ("boot", "target", "disk", "below", "volume")}
        return replace(now, **unplugged) == wanted
    return False


def coming(now: VmSpec, wanted: VmSpec) -> list[Device]:
    """The devices to plug in after others were unplugged."""
    disks, nics = {each.name for each in now.disks}, {each.name for each in now.nics}
    return [
        *(use for use in wanted.disks if use.name not in disks),
        *(nic for nic in wanted.nics if nic.name not in nics),
    ]


def adjust_nics(domain: Any, now: VmSpec, wanted: VmSpec) -> None:
    """Set the link states and rates of NICs that stay."""
    have = {nic.name: nic for nic in now.nics}
    for nic in wanted.nics:
        old = have.get(nic.name)
        if old and (old.link, old.inbound, old.outbound) != (nic.link, nic.inbound, nic.outbound):
            domain.updateDeviceFlags(_xml(nic), LIVE)


def settle_memory(domain: Any, wanted: int) -> bool:
    """Wait until the guest has the wanted memory, in bytes; False if its balloon came to rest at another size.

    Until then, a plan would take the memory for someone's change. A guest without a balloon driver stays at its
    maximum, which counts as true.
    """
    before, moved = 0, time.monotonic()
    while True:
        _state, most, now = domain.info()[:3]  # KiB
        if now == wanted >> 10:
            return True
        if now != before:
            before, moved = now, time.monotonic()
        elif time.monotonic() - moved > BALLOON_STILL_S:
            return bool(now == most)
        time.sleep(0.05)


def detach(domain: Any, device: Device, vm: Address) -> None:
    """Unplug a device and wait until the guest has released it. The request is repeated: a booting guest may miss it.

    Raises:
        LabctlError: the guest did not release the device within a minute.
    """
    deadline = time.monotonic() + DETACH_S
    asked = 0.0
    while _plugged(domain, device):
        if time.monotonic() > deadline:
            raise LabctlError(
                f"its guest does not let go of {device.name}",
                where=str(vm),
                hint=f"a guest without ACPI hot-plug needs `labctl reload {vm.name}`",
                instead=f"labctl reload {vm.name}",
            )
        if time.monotonic() - asked > RETRY_S:
            asked = time.monotonic()
            _ask(domain, device)
        time.sleep(0.1)


def _ask(domain: Any, device: Device) -> None:
    try:
        block_commit.call_off(domain)
        domain.detachDeviceFlags(_xml(device), LIVE)
    except libvirt.libvirtError as error:
        # an earlier request is still under way, or has just succeeded
        if error.get_error_code() not in (libvirt.VIR_ERR_OPERATION_FAILED, libvirt.VIR_ERR_DEVICE_MISSING):
            raise


def _plugged(domain: Any, device: Device) -> bool:
    now = xml.adopt(
        ET.fromstring(domain.XMLDesc(0)), "", ""
    )  # only its devices matter here, not its lab and name
    devices: Iterable[Device] = (*now.disks, *now.nics, *now.filesystems)
    return any(type(each) is type(device) and each.name == device.name for each in devices)


def attach(domain: Any, device: Device) -> None:
    if isinstance(device, DiskUse) and device.bus == "scsi":
        _attach_controller(domain, scsi_index(device.target))
    domain.attachDeviceFlags(_xml(device), LIVE)


def _attach_controller(domain: Any, index: int) -> None:
    """Plug in the controller of a SCSI disk, unless the domain has it already."""
    root, wanted = ET.fromstring(domain.XMLDesc(0)), scsi(index)
    there = map(CONTROLLER.read, CONTROLLER.elements(root))
    if all((each.type, each.index) != (wanted.type, wanted.index) for each in there):
        domain.attachDeviceFlags(ET.tostring(CONTROLLER.render(wanted), encoding="unicode"), LIVE)
