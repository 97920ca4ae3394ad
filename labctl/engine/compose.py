"""From the Labfile and the allocation to specs: what the lab is to be, in libvirt's terms. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from labctl.core import identity
from labctl.core.lifecycle import Stage, State
from labctl.core.record import field, record, replace
from labctl.core.size import rounded_up
from labctl.engine.guests import Names, nic_config, seed
from labctl.engine.networks import network_spec
from labctl.guest.nic_config import NicConfig
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.pool.spec import PoolSpec
from labctl.kinds.vm import architectures
from labctl.kinds.vm.spec import VmSpec
from labctl.kinds.vm.uses import Check, DiskUse, NicUse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from labctl.core.address import Address
    from labctl.core.spec import Spec
    from labctl.engine.allocation import Allocation
    from labctl.kinds.image.spec import ImageSpec
    from labctl.labfile.model import Condition, Disk, Image, LabModel, Nic, Vm

TB_CACHE = (64 << 20, 512 << 20)  # the least and the most of translated code that QEMU keeps, in bytes
SLOW = 4  # how much longer everything may take without KVM
_CPU_MODES = {"host": "host-passthrough", "maximum": "maximum", "custom": "custom"}


@record
class Site:
    """What the specs need to know of the libvirt host.

    `pool` is the folder of the lab's volumes, `store` that of the images. `images` gives each image of the Labfile for
    an architecture, `blobs` each kernel or initrd by its path. `secret` is the key of digests.
    """

    arch: str
    kvm: bool
    types: frozenset[str]
    pool: str
    store: str
    images: Mapping[tuple[Image, str], ImageSpec] = field(default_factory=dict)
    blobs: Mapping[Path, ImageSpec] = field(default_factory=dict)
    present: Mapping[str, ImageSpec] = field(default_factory=dict)  # in the store, by key
    secret: bytes = b""
    tb_cache: bool = True  # whether its libvirt can bound what QEMU keeps of translated code

    @property
    def dnsmasq(self) -> bool:
        """Whether libvirt runs dnsmasq for its networks; its test driver keeps no options for it."""
        return "test" not in self.types

    def domain_type(self, accel: str, arch: str) -> str:
        """Libvirt's domain type; on a node without QEMU (`test:///`) its own."""
        if accel == "kvm" or (accel == "auto" and self.kvm and architectures.runs_natively(arch, self.arch)):
            return "kvm"
        return "qemu" if "qemu" in self.types or not self.types else min(self.types)

    def image(self, vm: Vm, disk: Disk) -> ImageSpec | None:
        """What a VM's disk stands on."""
        return self.images.get((disk.image, vm.arch or self.arch)) if disk.image else None


def named(lab: LabModel) -> frozenset[str]:
    """The volumes of the disks that a Labfile names."""
    own = (f"{vm.name}/{disk.name}" for vm in lab.vms for disk in vm.disks if disk.volume is None)
    return frozenset(map(identity.volume_name, (*own, *(each.name for each in lab.volumes))))


def compose(lab: LabModel, allocation: Allocation, site: Site) -> dict[Address, Spec]:
    """Give every spec of the lab; the references in the Labfile's texts are filled in by now."""
    specs: list[Spec] = [PoolSpec(lab.name, site.pool), *site.images.values(), *site.blobs.values()]
    specs += [
        network_spec(lab, network, allocation, site) for network in lab.networks if network.external is None
    ]
    specs += [DiskSpec(lab.name, each.name, each.size, format="raw") for each in lab.volumes]
    names = Names(lab, allocation)
    awaited = {vm.name for vm in lab.vms if _awaited(vm)}
    for vm in lab.vms:
        specs += [_disk(lab, vm, disk, site) for disk in vm.disks if disk.volume is None]
        sown = seed(lab, vm, allocation, site.secret, names) if vm.cloud_init is not False else None
        digest = (sown and sown.cloud_init) or ""
        made = replace(_vm(lab, vm, allocation, site, names), after=tuple(_after(vm, awaited)), seed=digest)
        specs += [sown] if sown else []
        specs.append(replace(made, heard=True if made.reports else None))
    return {spec.address: spec for spec in specs}


def _disk(lab: LabModel, vm: Vm, disk: Disk, site: Site) -> DiskSpec:
    image = site.image(vm, disk)
    return DiskSpec(
        lab.name,
        f"{vm.name}/{disk.name}",
        disk.size or (rounded_up(image.size) if image and image.size else None),
        base=image.volume if image else "",
        image=image.label if image else "",
        seed=vm.name if disk.name == "root" and vm.cloud_init is not False else "",
    )


def _vm(lab: LabModel, vm: Vm, allocation: Allocation, site: Site, names: Names) -> VmSpec:
    arch = vm.arch or site.arch
    accel = site.domain_type(vm.accel, arch)
    lines = names.lines(vm) if vm.cloud_init is not False else ()
    boot = {name: place for place, name in enumerate(vm.boot.order, 1)}
    return VmSpec(
        lab=lab.name,
        name=vm.name,
        cpus=vm.cpus,
        memory=vm.memory,
        max_memory=vm.max_memory or vm.memory,
        disks=tuple(_disk_uses(lab, vm, site, boot)),
        nics=tuple(_nic_use(lab, vm, nic, allocation, boot) for nic in vm.nics),
        arch=arch,
        accel=accel,
        machine=_machine(vm, arch),
        **_cpu(vm, accel, architectures.of(arch).cpu, _root_image(vm, site)),
        tb_cache=_tb_cache(vm.max_memory or vm.memory) if accel == "qemu" and site.tb_cache else None,
        firmware=vm.firmware or _firmware(vm, site),
        secure_boot=vm.secure_boot,
        tpm=vm.tpm,
        **_boot_files(vm, site),
        graphics=vm.graphics,
        autostart=vm.autostart,
        protect=vm.protect,
        hosts=hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] if lines else "",
        xml=tuple((edit.at, edit.action, edit.value) for edit in vm.xml),
        state=State(vm.state),
        ready=True if vm.state == "running" and _awaited(vm) else None,
        awaited=_awaited(vm),
        keyed=True if vm.cloud_init is not False else None,
        host_lines=lines,
        checks=tuple(_check(condition, vm, allocation) for condition in vm.ready),
        timeout=vm.timeout * (1 if accel == "kvm" else SLOW),
        console_log=f"{site.pool}/{vm.name}.{identity.CONSOLE}",
        file=str(lab.path),
        base=vm.base,
        user=vm.user,
        foreign=vm.arch not in (None, site.arch),
    )


def _awaited(vm: Vm) -> bool:
    """Whether its guest or a condition can tell that it is ready."""
    return vm.cloud_init is not False or bool(vm.ready)


def _after(vm: Vm, awaited: Collection[str]) -> Iterator[tuple[str, Stage]]:
    """What its start waits for. A VM with neither seed nor conditions never gets further than started."""
    for each in vm.depends_on:
        kept = each.stage is Stage.CREATED or each.vm in awaited
        yield each.vm, each.stage if kept else Stage.STARTED


def _root_image(vm: Vm, site: Site) -> ImageSpec | None:
    root = next((disk for disk in vm.disks if disk.name == "root"), None)
    return site.image(vm, root) if root else None


def _firmware(vm: Vm, site: Site) -> str:
    """Its image's firmware, else BIOS. An architecture without BIOS gets UEFI, unless a kernel is booted directly."""
    image = _root_image(vm, site)
    has = architectures.of(vm.arch or site.arch)
    if not has.bios:
        direct = vm.boot.kernel or (image and image.direct)
        return "uefi" if has.uefi and not direct else "bios"
    return image.firmware if image and image.firmware else "bios"


def _tb_cache(memory: int) -> int:
    """A quarter of a guest's memory, within bounds, in bytes and whole MiB (docs/adr/0004)."""
    least, most = TB_CACHE
    return max(least, min(memory // 4, most)) >> 20 << 20


def _machine(vm: Vm, arch: str) -> str | None:
    """The Labfile's, else the architecture's; secure boot on x86 needs a q35."""
    default = architectures.of(arch)
    return vm.machine or ("q35" if vm.secure_boot and default is architectures.X86 else default.machine)


def _cpu(vm: Vm, accel: str, quickest: str | None, image: ImageSpec | None) -> dict[str, Any]:
    """The CPU: with KVM the host's, else the one that is emulated the quickest (docs/adr/0004), None for QEMU's own.

    On x86 that is of the first level of x86-64: an image that was built for a later one gets the most that QEMU
    emulates.
    """
    mode, model = vm.cpu.mode, vm.cpu.model
    if mode is None and accel == "kvm":
        mode = "host"
    elif mode is None and accel == "qemu" and image and image.cpu:
        mode = "maximum"
    elif mode is None and accel == "qemu" and quickest:
        mode, model = "custom", quickest
    if mode == "host" and accel != "kvm":
        mode = "maximum"
    topology = vm.cpu.topology
    return {
        "cpu_mode": _CPU_MODES[mode] if mode else None,
        "cpu_model": model,
        "cpu_topology": ":".join(map(str, topology)) if topology else None,
        "cpu_features": ("vmx",) if vm.cpu.nested and accel == "kvm" and mode == "custom" else None,
    }


def _boot_files(vm: Vm, site: Site) -> dict[str, Any]:
    """The kernel to boot directly: the Labfile's own, else that of an image which has no boot loader."""
    image = _root_image(vm, site)
    if vm.boot.kernel:
        initrd = site.blobs[vm.boot.initrd] if vm.boot.initrd else None
        blobs = [each for each in (site.blobs[vm.boot.kernel], initrd) if each]
        return {
            "kernel": f"{site.store}/{blobs[0].volume}",
            "initrd": f"{site.store}/{initrd.volume}" if initrd else "",
            "cmdline": vm.boot.cmdline or "",
            "images": tuple(sorted(each.label for each in blobs)),
        }
    if image and image.direct:
        return {
            "kernel": f"{site.store}/{image.kernel}",
            "initrd": f"{site.store}/{image.initrd}",
            "cmdline": " ".join(filter(None, (image.cmdline, vm.boot.cmdline))),
            "images": (image.label,),
        }
    return {"cmdline": ""}


def _disk_uses(lab: LabModel, vm: Vm, site: Site, boot: Mapping[str, int]) -> list[DiskUse]:
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
                boot=boot.get(disk.name, 0),
                size=volumes[name] if shared else disk.size or (image.size if image else None),
                image=image.label if image else "",
            )
        )
    if vm.cloud_init is not False:
        # on the bus of its root disk, which the guest has a driver for; cloud kernels have none for a SATA CD-ROM
        bus = next((use.bus for use in uses if use.name == "root"), "virtio")
        source = f"{site.pool}/{vm.name}.{identity.SEED}"
        uses.append(DiskUse(name="seed", source=source, format="raw", bus=bus, readonly=True))
    return uses


def _nic_use(lab: LabModel, vm: Vm, nic: Nic, allocation: Allocation, boot: Mapping[str, int]) -> NicUse:
    network = next(each for each in lab.networks if each.name == nic.network)
    own = network.external is None
    rates = nic.bandwidth
    nic_addresses = allocation.nics[vm.name, nic.name]
    return NicUse(
        name=nic.name,
        mac=nic_addresses.mac,
        network=network.external or identity.libvirt_name(lab.name, network.name),
        ours=network.name if own else "",
        model=nic.model,
        link=nic.link,
        mtu=nic.mtu or 0,
        inbound=(rates.inbound if rates else None) or 0,
        outbound=(rates.outbound if rates else None) or 0,
        boot=boot.get(nic.name, 0),
        guest=nic_config(lab, vm, nic, allocation) if vm.cloud_init is not False else NicConfig(),
        given=nic_addresses.given,
    )


def _check(condition: Condition, vm: Vm, allocation: Allocation) -> Check:
    kind = "tcp" if condition.tcp else "exec" if condition.exec else "http"
    all_addresses = [
        allocation.nics[vm.name, nic.name] for nic in vm.nics if allocation.networks[nic.network].host4
    ]
    return Check(
        kind,
        str(condition.tcp or condition.exec or condition.http),
        condition.timeout,
        condition.interval,
        from_host=condition.origin == "host" or vm.cloud_init is False,
        addresses=tuple(each.ip for each in all_addresses if each.ip),
    )
