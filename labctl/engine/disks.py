"""Composes the specs of disks, and the use of disks by VMs, from the Labfile. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.size import rounded_up
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.vm.disks_and_nics import DiskUse

if TYPE_CHECKING:
    from labctl.engine.compose import Site
    from labctl.labfile.model import Disk, LabModel, Vm, Volume


def disk_spec(lab: LabModel, vm: Vm, disk: Disk, site: Site) -> DiskSpec:
    """Give the spec of a VM's own disk."""
    image = site.image(vm, disk)
    return DiskSpec(
        lab.name,
        f"{vm.name}/{disk.name}",
        disk.size or (rounded_up(image.size) if image and image.size else None),
        base=image.volume if image else "",
        image=image.label if image else "",
        seed=vm.name if disk.name == "root" and vm.cloud_init is not False else "",
    )


def shared_disk(lab: LabModel, volume: Volume) -> DiskSpec:
    """Give the spec of a volume of the lab."""
    return DiskSpec(lab.name, volume.name, volume.size, format="raw")


def boot_place(vm: Vm, device: str) -> int:
    """The position of a disk or NIC in a VM's boot order, from 1; 0 if it is not in it."""
    return vm.boot.order.index(device) + 1 if device in vm.boot.order else 0


def disk_uses(lab: LabModel, vm: Vm, site: Site) -> list[DiskUse]:
    """The disks and the seed of a VM, as the VM uses them."""
    uses = []
    volumes = {each.name: each.size for each in lab.volumes}
    for disk in vm.disks:
        image = site.image(vm, disk)
        name = disk.volume or f"{vm.name}/{disk.name}"
        shared = disk.volume is not None
        uses.append(
            DiskUse(
                name=disk.name,
                source=f"{site.pool}/{identity.volume_name(name)}",
                disk=name,
                format="raw" if shared else "qcow2",
                bus=disk.bus,
                cache=disk.cache or ("none" if shared else ""),
                discard=disk.discard or "",
                serial=disk.serial or disk.name,
                shareable=shared,
                boot=boot_place(vm, disk.name),
                size=volumes[name] if shared else disk.size or (image.size if image else None),
                image=image.label if image else "",
            )
        )
    if vm.cloud_init is not False:
        # The seed is on the bus of the root disk: guests have a driver for that, but may have none for a SATA CD-ROM.
        bus = next((use.bus for use in uses if use.name == "root"), "virtio")
        source = f"{site.pool}/{vm.name}.{identity.SEED}"
        uses.append(DiskUse(name="seed", source=source, format="raw", bus=bus, readonly=True))
    return uses
