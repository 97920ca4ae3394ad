"""Composes the specs of VMs from the Labfile and the allocation. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from labctl.core import identity
from labctl.core.lifecycle import Stage, State
from labctl.engine.disks import boot_place, disk_uses
from labctl.engine.guests import nic_config
from labctl.guest.nic_config import NicConfig
from labctl.kinds.vm import architectures
from labctl.kinds.vm.disks_and_nics import NicUse, ReadyCheck
from labctl.kinds.vm.spec import SLOW, VmSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from labctl.engine.allocation import Allocation
    from labctl.engine.compose import Site
    from labctl.engine.guests import HostsFileNames
    from labctl.kinds.image.spec import ImageSpec
    from labctl.labfile.model import Condition, LabModel, Nic, Vm

TB_CACHE = (
    64 << 20,
    512 << 20,
)  # the least and the greatest size of QEMU's cache of translated code, in bytes
_CPU_MODES = {"host": "host-passthrough", "maximum": "maximum", "custom": "custom"}


def vm_spec(lab: LabModel, vm: Vm, allocation: Allocation, site: Site, names: HostsFileNames) -> VmSpec:
    """Give the spec of a VM, without the VMs that it waits for and the digest of its seed."""
    arch = vm.arch or site.arch
    accel = site.domain_type(vm.accel, arch)
    lines = names.lines(vm) if vm.cloud_init is not False else ()
    return VmSpec(
        lab=lab.name,
        name=vm.name,
        cpus=vm.cpus,
        memory=vm.memory,
        max_memory=vm.max_memory or vm.memory,
        disks=tuple(disk_uses(lab, vm, site)),
        nics=tuple(_nic_use(lab, vm, nic, allocation) for nic in vm.nics),
        arch=arch,
        accel=accel,
        machine=_machine(vm, arch),
        **_cpu(vm, accel, architectures.of(arch).cpu, site.root_image(vm)),
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
        ready=True if vm.state == "running" and is_awaited(vm) else None,
        awaited=is_awaited(vm),
        keyed=True if vm.cloud_init is not False else None,
        host_lines=lines,
        checks=tuple(_check(condition, vm, allocation) for condition in vm.ready),
        timeout=vm.timeout * (1 if accel == "kvm" else SLOW),
        **_files(vm, site),
        file=str(lab.path),
        base=vm.base,
        user=vm.user,
        foreign=vm.arch not in (None, site.arch),
    )


def _files(vm: Vm, site: Site) -> dict[str, Any]:
    """The fields of the files that libvirt makes when the VM starts."""
    return {
        "console_log": f"{site.pool}/{vm.name}.{identity.CONSOLE}",
        "nvram": f"{site.pool}/{identity.nvram_volume(vm.name)}",
    }


def is_awaited(vm: Vm) -> bool:
    """Whether cloud-init or conditions can show that the VM is ready."""
    return vm.cloud_init is not False or bool(vm.ready)


def starts_after(vm: Vm, awaited: Collection[str]) -> Iterator[tuple[str, Stage]]:
    """The VMs that its start waits for, with their stages. VMs that are not `awaited` reach no stage after started."""
    for each in vm.depends_on:
        kept = each.stage is Stage.CREATED or each.vm in awaited
        yield each.vm, each.stage if kept else Stage.STARTED


def _firmware(vm: Vm, site: Site) -> str:
    """The firmware that the image needs, else BIOS.

    An architecture without BIOS has UEFI, unless a kernel is booted directly.
    """
    image = site.root_image(vm)
    has = architectures.of(vm.arch or site.arch)
    if not has.bios:
        direct = vm.boot.kernel or (image and image.direct)
        return "uefi" if has.uefi and not direct else "bios"
    return image.firmware if image and image.firmware else "bios"


def _tb_cache(memory: int) -> int:
    """The size of QEMU's cache of translated code: a quarter of the memory, within limits (docs/adr/0004)."""
    least, most = TB_CACHE
    return max(least, min(memory // 4, most)) >> 20 << 20


def _machine(vm: Vm, arch: str) -> str | None:
    """The machine type of the Labfile, else of the architecture. Secure boot on x86 needs q35."""
    default = architectures.of(arch)
    return vm.machine or ("q35" if vm.secure_boot and default is architectures.X86 else default.machine)


def _cpu(vm: Vm, accel: str, quickest: str | None, image: ImageSpec | None) -> dict[str, Any]:
    """The fields of the CPU. By default it is the host's with KVM, else the quickest to emulate (docs/adr/0004).

    On x86 the latter has the first level of x86-64 only: an image that needs a higher level gets the CPU with all
    features that QEMU emulates. None means QEMU's default.
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
    """The fields for direct kernel boot: the kernel of the Labfile, else that of an image without a boot loader."""
    image = site.root_image(vm)
    if vm.boot.kernel:
        initrd = site.blobs[vm.boot.initrd] if vm.boot.initrd else None
        blobs = [each for each in (site.blobs[vm.boot.kernel], initrd) if each]
        return {
            "kernel": f"{site.pool}/{blobs[0].volume}",
            "initrd": f"{site.pool}/{initrd.volume}" if initrd else "",
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


def _nic_use(lab: LabModel, vm: Vm, nic: Nic, allocation: Allocation) -> NicUse:
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
        boot=boot_place(vm, nic.name),
        guest=nic_config(lab, vm, nic, allocation) if vm.cloud_init is not False else NicConfig(),
        given=nic_addresses.given,
    )


def _check(condition: Condition, vm: Vm, allocation: Allocation) -> ReadyCheck:
    kind = "tcp" if condition.tcp else "exec" if condition.exec else "http"
    all_addresses = [
        allocation.nics[vm.name, nic.name] for nic in vm.nics if allocation.networks[nic.network].host4
    ]
    return ReadyCheck(
        kind,
        str(condition.tcp or condition.exec or condition.http),
        condition.timeout,
        condition.interval,
        from_host=condition.origin == "host" or vm.cloud_init is False,
        addresses=tuple(each.ip for each in all_addresses if each.ip),
    )
