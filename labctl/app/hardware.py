"""Checks whether the host's libvirt and QEMU can do what VMs and networks ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.errors import FOREIGN, Problem
from labctl.core.plan import Action, steps_of
from labctl.core.spec import of_kind
from labctl.host.libvirt import domain_capabilities
from labctl.host.machine import routes
from labctl.host.machine.doctor.check import distribution
from labctl.kinds.network.spec import NetworkSpec
from labctl.kinds.vm import architectures, xml
from labctl.kinds.vm.spec import VmSpec
from labctl.kinds.vm.transitions import transition
from labctl.labfile.problems import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.session import Session
    from labctl.core.plan import Plan, Step, StepOf
    from labctl.engine.observe import Observed
    from labctl.host.host import Host
    from labctl.host.libvirt.domain_capabilities import DomainCapabilities

_IDE_DISKS = 4  # two to each of the two channels of a PC


def check(session: Session, plan: Plan, observed: Observed) -> Iterator[Problem]:
    """The problems of all steps. A problem that instances of a VM share comes once, for the first instance."""
    hardware = {host: _Hardware(session, host, observed) for host in session.hosts}
    seen = set()
    for step in plan.steps:
        for problem in hardware[session.hosts.of(step.address)].problems(step):
            if (problem.path, problem.summary) not in seen:
                seen.add((problem.path, problem.summary))
                yield problem


class _Hardware:
    """The capabilities of a host. libvirt is asked once for each architecture, machine and accelerator."""

    def __init__(self, session: Session, host: Host, observed: Observed) -> None:
        self._session, self._host = session, host
        networks = [each for each in observed.foreign if each.kind == "network" and each.host == host.uri]
        self._networks = {each.name: each for each in networks}
        self._asked: dict[tuple[str, str | None, str], DomainCapabilities] = {}

    def problems(self, step: Step) -> Iterator[Problem]:
        for vm_step in steps_of((step,), VmSpec):
            if vm_step.after and _needs_check(vm_step):
                yield from self._vm(vm_step.after)
                yield from self._external(vm_step.after)
        for network in of_kind((step.after,), NetworkSpec):
            # inside, those of the machine are not seen, and `network_modes` says that they are not reached
            if self._host.local and not self._host.inside:
                yield from self._links(network)

    def _capabilities(self, arch: str, machine: str | None, accel: str) -> DomainCapabilities:
        kind = arch, machine, accel
        if kind not in self._asked:
            self._asked[kind] = domain_capabilities.look(self._host.virt, *kind)
        return self._asked[kind]

    def _vm(self, vm: VmSpec) -> Iterator[Problem]:
        machine = _machine(vm)
        if vm.accel == "kvm" and not self._host.capabilities.kvm:
            return  # preflight reports a host without KVM; libvirt has no capabilities of it then
        can = self._capabilities(vm.arch or "x86_64", machine, vm.accel)
        if can.lacks:
            yield self._lacks(vm, can.lacks, machine)
            return
        yield from self._firmware(vm, can)
        yield from self._cpu(vm, can)
        yield from self._devices(vm, can)

    def _lacks(self, vm: VmSpec, what: str, machine: str | None) -> Problem:
        arch = vm.arch or "x86_64"
        if what == "arch":
            known = set(domain_capabilities.architectures(self._host.virt.getCapabilities()))
            meant = architectures.ELSEWHERE.get(arch)
            hint = f"did you mean {meant}?" if meant else did_you_mean(arch, known)
            return self._problem(vm, "arch", f"libvirt knows no architecture {arch}", hint)
        if what == "emulator":
            hint = self._install(architectures.of(arch).emulator)
            return self._problem(vm, "arch", f"this host has no QEMU for {arch}", hint, FOREIGN)
        if what == "accel":
            hint = "set `accel: auto`, which emulates it"
            return self._problem(vm, "accel", f"this host has no {vm.accel} for {arch}", hint, FOREIGN)
        known = set(domain_capabilities.machines(self._host.virt.getCapabilities(), arch)) - {""}
        hint = did_you_mean(machine or "", known, "`virsh capabilities` lists them")
        return self._problem(vm, "machine", f"QEMU has no machine {machine} for {arch}", hint)

    def _firmware(self, vm: VmSpec, can: DomainCapabilities) -> Iterator[Problem]:
        arch, has = vm.arch or "x86_64", architectures.of(vm.arch)
        if vm.firmware == "uefi" and can.firmware is not None and "efi" not in can.firmware:
            if has.uefi:
                hint = self._install(has.firmware)
                yield self._problem(vm, "firmware", f"no UEFI for {arch} is installed", hint, FOREIGN)
            else:
                hint = "leave it out, and name a kernel under `boot`"
                yield self._problem(vm, "firmware", f"there is no UEFI for {arch}", hint)
        elif vm.firmware == "bios" and not has.bios and not vm.kernel:
            if has.uefi:
                yield self._problem(
                    vm, "firmware", f"{arch} has no BIOS", "leave `firmware` out: it boots by UEFI"
                )
            else:
                summary = f"{arch} has no firmware that boots a disk"
                yield self._problem(vm, "boot", summary, "name a `kernel` here, and its `initrd`")
        elif vm.secure_boot and can.secure is not None and "yes" not in can.secure:
            able = self._capabilities(arch, "q35", vm.accel).secure if has is architectures.X86 else None
            hint = "machine: q35" if able and "yes" in able else "set `secure_boot: false`"
            yield self._problem(vm, "secure_boot", "no firmware does secure boot on this machine", hint)

    def _cpu(self, vm: VmSpec, can: DomainCapabilities) -> Iterator[Problem]:
        if can.cpus is not None and vm.cpus > can.cpus:
            yield self._problem(vm, "cpus", f"this machine has room for {can.cpus} CPUs")
        model = vm.cpu_model
        if vm.cpu_mode != "custom" or not model or can.cpu_models is None or model in can.cpu_models:
            return
        if model in (can.known_models or ()):
            summary = f"this host can't run the CPU model {model}"
            yield self._problem(vm, "cpu", summary, f"mode: {'host' if vm.accel == 'kvm' else 'maximum'}")
        else:
            hint = did_you_mean(model, can.cpu_models, "`virsh domcapabilities` lists them")
            yield self._problem(vm, "cpu", f"libvirt knows no CPU model {model}", hint)

    def _devices(self, vm: VmSpec, can: DomainCapabilities) -> Iterator[Problem]:
        for use in vm.disks:
            if can.buses is not None and use.bus not in can.buses and use.name != "seed":
                others = (
                    self._capabilities(vm.arch or "x86_64", "pc", vm.accel).buses
                    if use.bus == "ide"
                    else None
                )
                hint = "machine: pc, or bus: sata" if others and "ide" in others else "bus: virtio or scsi"
                owner = f"the machine {_machine(vm)}" if others else "this libvirt"
                field = "disk" if use.name == "root" else "disks"
                yield self._problem(vm, field, f"{owner} has no {use.bus} disks ({use.name})", hint)
        if sum(use.bus == "ide" for use in vm.disks) > _IDE_DISKS:
            yield self._problem(
                vm, "disks", f"IDE has room for {_IDE_DISKS} disks, the seed is one", "bus: sata"
            )
        if vm.graphics != "none" and can.graphics is not None and vm.graphics not in can.graphics:
            known = sorted({"vnc", "spice"} & can.graphics)
            hint = f"graphics: {known[0]}" if known else "leave it out"
            yield self._problem(vm, "graphics", f"this host's QEMU has no {vm.graphics}", hint)
        for shared in vm.filesystems:
            named = "virtiofs" if shared.driver == "virtiofs" else "path"
            if can.filesystems is not None and named not in can.filesystems:
                summary = f"this host's libvirt or QEMU has no {shared.driver} ({shared.source})"
                yield self._problem(vm, "folders", summary, "type: rsync", FOREIGN)
        if vm.tpm and can.tpm_backends is not None and "emulator" not in can.tpm_backends:
            yield self._problem(vm, "tpm", "this host can't emulate a TPM", self._install("swtpm"), FOREIGN)

    def _external(self, vm: VmSpec) -> Iterator[Problem]:
        """External networks that don't exist or are not active."""
        for nic in vm.nics:
            if nic.ours or not nic.network:
                continue
            name = next(
                (each.name for each in self._session.lab.networks if each.external == nic.network), ""
            )
            place = self._session.lab.where("networks", name, "external")
            if nic.network not in self._networks:
                hint = did_you_mean(nic.network, self._networks, "`virsh net-list --all` lists them")
                summary = f"libvirt has no network {nic.network}"
                yield Problem(summary, f"networks.{name}.external", place, hint)
            elif not self._networks[nic.network].active:
                summary = f"the network {nic.network} is not active"
                hint = f"virsh net-start {nic.network}"
                yield Problem(summary, f"networks.{name}.external", place, hint, FOREIGN)

    def _links(self, network: NetworkSpec) -> Iterator[Problem]:
        """A bridge or interface of the host that a network attaches to, and that does not exist."""
        key, name = ("bridge", network.bridge) if network.mode == "bridge" else ("dev", network.dev)
        if not network.attached or not name:
            return
        if not routes.link(name):
            summary, hint = (
                f"this host has no {key} {name}",
                did_you_mean(name, routes.links(), "see `ip link`"),
            )
        elif key == "bridge" and not routes.is_bridge(name):
            summary, hint = f"{name} is no bridge", "mode: macvtap attaches to an interface, as `dev`"
        else:
            return
        place = self._session.lab.where("networks", network.name, key)
        yield Problem(summary, f"networks.{network.name}.{key}", place, hint)

    def _install(self, what: str) -> str:
        command = distribution().install(what)
        return command if self._host.local else f"there: {command}"

    def _problem(
        self, vm: VmSpec, key: str, summary: str, hint: str = "", severity: str = "error"
    ) -> Problem:
        place = self._session.lab.where("vms", vm.name, key)
        return Problem(summary, f"vms.{vm.base}.{key}", place, hint, severity)


def _machine(vm: VmSpec) -> str | None:
    """The machine type, which an `xml:` edit may set; None for libvirt's default."""
    return xml.machine(vm) if vm.xml else vm.machine


def _needs_check(step: StepOf[VmSpec]) -> bool:
    """Whether a step creates, starts or changes its VM. To halt or pause a VM needs nothing of the host."""
    if step.action is not Action.UPDATE:
        return True
    if transition(step.existing.state, step.wanted.state).enters:
        return True
    return any(not each.condition for each in step.changes)
