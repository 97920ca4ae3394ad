"""Finds what stands against restoring a snapshot on this host. Nothing is changed for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core.errors import FOREIGN, LabctlError, Problem
from labctl.core.size import format_sizes
from labctl.host.libvirt import domain_capabilities, pools, saved_memory, volumes
from labctl.host.libvirt.connection import code, translated
from labctl.kinds.snapshot import layers, machines, parts, room
from labctl.kinds.snapshot.versions import versions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.host.libvirt.domain_capabilities import DomainCapabilities
    from labctl.kinds.snapshot.machines import Machine
    from labctl.kinds.snapshot.spec import SavedVm, SnapshotSpec

_TELL = libvirt.VIR_CONNECT_COMPARE_CPU_FAIL_INCOMPATIBLE  # which features are missing, as an error
# of drivers and architectures that compare no CPUs
_CANT_COMPARE = (
    libvirt.VIR_ERR_NO_SUPPORT,
    libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
    libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
)


def obstacles(virt: Any, pool: Any, snapshot: SnapshotSpec) -> Iterator[Problem]:
    """Give a problem for each reason why the snapshot can't be restored.

    Args:
        virt: the virConnect.
        pool: the lab's virStoragePool.
        snapshot: as its description says it.
    """
    pools.refresh(pool)
    there = volumes.facts(pool)
    gone = parts.missing(virt, there, snapshot)
    if gone:
        hint = f"put it back, or `labctl snapshot delete {snapshot.name}` removes the rest"
        yield _problem(snapshot, f"it can't be restored without {', '.join(gone)}", hint)
    takes, free = room.to_restore(there, snapshot), room.free(pool)
    if takes > free:
        more, left = format_sizes(takes, free)
        hint = "free some space: `labctl snapshot prune` deletes old ones"
        yield _problem(
            snapshot, f"its copies take {more} more, and {left} are free in {pools.path(pool)}", hint
        )
    for path, was, now in layers.rebased(there, snapshot):
        hint = f"`qemu-img rebase` puts it back, or `labctl snapshot delete {snapshot.name}` gives it up"
        yield _problem(snapshot, f"{path} stood on {was}, and stands on {now or 'nothing'} now", hint)
    for vm in snapshot.vms:
        if vm.memory not in gone:
            yield from _of_vm(virt, pool, snapshot, vm)


def _of_vm(virt: Any, pool: Any, snapshot: SnapshotSpec, vm: SavedVm) -> Iterator[Problem]:
    """What the host lacks of the hardware of a VM. Its CPU matters to memory only: what is off finds another."""
    try:
        machine = machines.of_domain(_domain(virt, pool, vm))
    except LabctlError as error:
        hint = f"`labctl snapshot delete {snapshot.name}` gives it up"
        yield _problem(snapshot, f"the memory of {vm.name} can't be read: {error.summary}", hint)
        return
    can = domain_capabilities.look(virt, machine.arch, machine.machine or None, machine.accel)
    if can.lacks:
        hint = f"restore it on a host that has that; {_taken_with(virt, snapshot)}"
        yield _problem(snapshot, f"{vm.name} {_lacking(machine)[can.lacks]}", hint)
        return
    if machines.of_domain(vm.definition).firmware and (file := _lacking_firmware(can, machine)):
        hint = f"install what has it, or restore it on a host that has it; {_taken_with(virt, snapshot)}"
        yield _problem(snapshot, f"{vm.name} boots by {file}, which this host does not have", hint)
    if vm.memory and (difference := _cpu_difference(virt, can, machine, snapshot.host_cpu)):
        hint = f"restore it on a host with such a CPU; {_taken_with(virt, snapshot)}"
        yield _problem(snapshot, f"{vm.name} can't go on with the CPU of this host: {difference}", hint)


def _domain(virt: Any, pool: Any, vm: SavedVm) -> str:
    """The XML of the domain as it is to go on. With memory it names the CPU that the guest saw."""
    if not vm.memory:
        return vm.definition
    with translated():
        return saved_memory.domain_xml(virt, f"{pools.path(pool)}/{vm.memory}")


def _lacking(machine: Machine) -> dict[str, str]:
    """What is told of a domain, by what the host does not have at all."""
    return {
        "arch": f"is for {machine.arch}, which libvirt does not know",
        "emulator": f"is for {machine.arch}, and this host has no QEMU for it",
        "machine": f"is a machine {machine.machine} ({machine.arch}), which the QEMU of this host does not have",
        "accel": f"is a domain of type {machine.accel}, which this host does not have",
    }


def _lacking_firmware(can: DomainCapabilities, machine: Machine) -> str:
    """What the host does not have of the firmware that libvirt chose, or is to choose; empty if it has it."""
    if machine.loader and can.loaders is not None and machine.loader not in can.loaders:
        return machine.loader
    return "UEFI" if can.firmware is not None and "efi" not in can.firmware else ""


def _cpu_difference(virt: Any, can: DomainCapabilities, machine: Machine, host_cpu: str) -> str:
    """What the guest's CPU has and the host can't give; empty if it can, or if libvirt can't compare them."""
    if not machine.cpu:
        return ""
    if machine.cpu_mode == "custom" and can.known_models and machine.cpu_model not in can.known_models:
        return f"its QEMU has no model {machine.cpu_model}"
    try:
        if not machine.has_cpu_of_host:
            kind = machine.arch, machine.machine or None, machine.accel
            virt.compareHypervisorCPU(None, *kind, machine.cpu, _TELL)
        elif host_cpu:
            virt.compareCPU(host_cpu, _TELL)
    except libvirt.libvirtError as error:
        if code(error) == libvirt.VIR_ERR_CPU_INCOMPATIBLE:
            return str(error.get_error_message())
        if code(error) not in _CANT_COMPARE:
            raise
    return ""


def _taken_with(virt: Any, snapshot: SnapshotSpec) -> str:
    return f"it was taken with {snapshot.made_by}, and here is {versions(virt)}"


def _problem(snapshot: SnapshotSpec, summary: str, hint: str) -> Problem:
    return Problem(summary, str(snapshot.address), None, hint, FOREIGN)
