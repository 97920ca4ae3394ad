"""Composes the wanted specs of a lab from its Labfile, the allocation, and facts about the libvirt host. Pure.

VMs are composed in `engine.vms`, their provisioning steps in `engine.provision`, disks in `engine.disks`, networks in
`engine.networks`, seeds in `engine.guests`, forwards in `engine.forwards`; images are found by `engine.sources`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.record import field, record, replace
from labctl.engine import provision
from labctl.engine.disks import disk_spec, shared_disk
from labctl.engine.folders import filesystems, folder_specs
from labctl.engine.forwards import forwards_of
from labctl.engine.guests import HostsFileNames, seed
from labctl.engine.networks import network_spec
from labctl.engine.vms import is_awaited, starts_after, vm_spec
from labctl.kinds import addresses
from labctl.kinds.pool.spec import PoolSpec
from labctl.kinds.vm import architectures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from labctl.core.address import Address
    from labctl.core.spec import Spec
    from labctl.engine.allocation import Allocation
    from labctl.engine.folders import Sharing
    from labctl.kinds.image.spec import ImageSpec
    from labctl.labfile.model import Disk, Image, LabModel, Vm


@record
class Site:
    """What the specs need to know of the libvirt host of an object, and of the lab: that is the same in every site.

    `pool` is the folder of the lab's volumes, `store` that of the images. `images` has each image of the Labfile by its
    architecture, `blobs` each kernel and initrd by its path. `secret` is the key for digests of seeds.
    """

    arch: str
    kvm: bool
    types: frozenset[str]
    pool: str
    store: str
    images: Mapping[tuple[Image, str], ImageSpec] = field(default_factory=dict)
    blobs: Mapping[Path, ImageSpec] = field(default_factory=dict)
    secret: bytes = b""
    sharing: Sharing | None = None  # None where nobody looked
    copies: Mapping[Path, str] = field(default_factory=dict)  # digests of what provisioning steps copy
    plays: Mapping[Path, str] = field(default_factory=dict)  # digests of the folders of playbooks
    tb_cache: bool = True  # libvirt can limit QEMU's cache of translated code

    @property
    def dnsmasq(self) -> bool:
        """Whether libvirt keeps options for dnsmasq; its test driver does not."""
        return "test" not in self.types

    def domain_type(self, accel: str, arch: str) -> str:
        """The domain type of libvirt: kvm or qemu; on a host without QEMU (`test:///`) its own type."""
        if accel == "kvm" or (accel == "auto" and self.kvm and architectures.runs_natively(arch, self.arch)):
            return "kvm"
        return "qemu" if "qemu" in self.types or not self.types else min(self.types)

    def image(self, vm: Vm, disk: Disk) -> ImageSpec | None:
        """The image of a VM's disk; None for an empty disk."""
        return self.images.get((disk.image, vm.arch or self.arch)) if disk.image else None

    def root_image(self, vm: Vm) -> ImageSpec | None:
        """The image of a VM's root disk, if it has one."""
        root = next((disk for disk in vm.disks if disk.name == "root"), None)
        return self.image(vm, root) if root else None


def named(lab: LabModel) -> frozenset[str]:
    """The names of the volumes of all disks in a Labfile."""
    own = (f"{vm.name}/{disk.name}" for vm in lab.vms for disk in vm.disks if disk.volume is None)
    return frozenset(map(identity.volume_name, (*own, *(each.name for each in lab.volumes))))


def compose(lab: LabModel, allocation: Allocation, site_of: Callable[[Address], Site]) -> dict[Address, Spec]:
    """Give every spec of the lab; the references in the Labfile's texts are filled in by now.

    `site_of` gives the site of the object with an address.
    """
    site = site_of(addresses.pool(lab.name))
    specs: list[Spec] = [PoolSpec(lab.name, site.pool), *site.images.values(), *site.blobs.values()]
    specs += [
        network_spec(lab, network, allocation, site_of(addresses.network(network.name)))
        for network in lab.networks
        if network.external is None
    ]
    specs += [shared_disk(lab, volume) for volume in lab.volumes]
    names = HostsFileNames(lab, allocation)
    awaited = {vm.name for vm in lab.vms if is_awaited(vm)}
    vms = {vm.name: vm for vm in lab.vms}
    for vm in lab.vms:
        site = site_of(addresses.vm(vm.name))
        specs += [disk_spec(lab, vm, disk, site) for disk in vm.disks if disk.volume is None]
        sown = seed(lab, vm, allocation, site.secret, names) if vm.cloud_init is not False else None
        digest = (sown and sown.cloud_init) or ""
        folders = tuple(folder_specs(lab, vm, site.sharing, allocation))
        made = replace(
            vm_spec(lab, vm, allocation, site, names),
            after=tuple(starts_after(vm, awaited)),
            waits=provision.waits(vm, vms),
            seed=digest,
            filesystems=filesystems(folders),
            folders=tuple(each.target for each in folders),
        )
        specs += [sown] if sown else []
        specs += [replace(made, heard=True if made.reports else None), *folders]
        specs += provision.own_steps(lab, vm, site, after=[each.address for each in folders])
        specs += forwards_of(lab, vm, allocation)
    specs += provision.lab_steps(lab, site_of(addresses.pool(lab.name)))
    return {spec.address: spec for spec in specs}
