"""What a plan shows of a new VM: its size, disks and NICs, and whatever differs from the Labfile's defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.lifecycle import State
from labctl.core.record import replace
from labctl.core.size import format_size
from labctl.core.spans import spans
from labctl.core.spec import BriefPart
from labctl.kinds.vm import architectures
from labctl.kinds.vm.disks_and_nics import BUS, MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.core.lifecycle import Stage
    from labctl.kinds.vm.disks_and_nics import DiskUse, NicUse
    from labctl.kinds.vm.spec import VmSpec


def plan_summary(spec: VmSpec) -> tuple[BriefPart, ...]:
    """What it is made of, then its disks and NICs, then how and when it starts."""
    if spec.unedited:
        spec = _completed(spec, spec.unedited)
    parts = [
        *([BriefPart(spec.begins_as)] if spec.begins_as else []),
        BriefPart(_size(spec)),
        *_disks(spec),
        *(part for nic in spec.nics for part in _nic(spec, nic)),
        *map(BriefPart, _start(spec)),
        *map(BriefPart, _besides(spec)),
        *map(BriefPart, _waits(spec)),
    ]
    return tuple(each for each in parts if each.what)


def _completed(spec: VmSpec, unedited: VmSpec) -> VmSpec:
    """The VM after its `xml:` edits, with the sizes and images of its disks and the addresses of its NICs.

    The XML doesn't have these, so they come from the spec before the edits.
    """
    disks = {use.name: (use.size, use.image) for use in unedited.disks}
    given = {nic.name: nic.given for nic in unedited.nics}
    uses = [(use, *disks.get(use.name, (None, ""))) for use in spec.disks]
    return replace(
        spec,
        disks=tuple(replace(use, size=format_size, image=image) for use, format_size, image in uses),
        nics=tuple(replace(nic, given=given.get(nic.name, ())) for nic in spec.nics),
    )


def _size(spec: VmSpec) -> str:
    memory = format_size(spec.memory)
    if spec.max_memory != spec.memory:
        memory += f" of {format_size(spec.max_memory)}"
    root = next((use.image for use in spec.disks if use.name == "root"), "")
    machine = [spec.arch or ""] * spec.foreign + [spec.machine or ""] * (
        spec.machine != architectures.of(spec.arch).machine
    )
    return ", ".join(filter(None, [f"{spec.cpus} CPU{'s' * (spec.cpus > 1)}", memory, root, *machine]))


def _disks(spec: VmSpec) -> list[BriefPart]:
    """One part for all; the root disk is left out where there is no more to say of it than its image."""
    return [BriefPart(", ".join(filter(None, map(_disk, spec.disks))))]


def _disk(use: DiskUse) -> str:
    if not use.disk:
        return ""  # a seed
    words = [format_size(use.size)] if use.size else []
    words += [use.bus] * (use.bus != BUS)
    words += [f"on {use.image}"] * bool(use.image and use.name != "root")
    words += ["shared"] * use.shareable
    return " ".join([use.name, *words]) if words or use.name != "root" else ""


def _nic(spec: VmSpec, nic: NicUse) -> Iterator[BriefPart]:
    network = nic.ours or nic.network
    name = network if nic.name == network else f"{nic.name} on {network}"
    words = [nic.model] * (nic.model != MODEL) + [f"link {nic.link}"] * (nic.link != "up")
    words += [f"mtu {nic.mtu}"] * bool(nic.mtu)
    name += f" ({', '.join(words)})" if words else ""
    yield BriefPart(name, " ".join(map(str, nic.addresses)))
    if nic.mac != identity.mac_address(spec.lab, spec.name, nic.name):
        yield BriefPart(f"{nic.name} MAC", nic.mac)


def _start(spec: VmSpec) -> Iterator[str]:
    needs = architectures.of(spec.arch)
    devices = [(use.boot, use.name) for use in spec.disks if use.boot]
    devices += [(nic.boot, nic.name) for nic in spec.nics if nic.boot]
    if devices:
        yield "boots from " + ", ".join(name for _, name in sorted(devices))
    root = {use.image for use in spec.disks if use.name == "root"}
    if spec.kernel and not set(spec.images) <= root:
        yield "kernel " + ", ".join(spec.images)
    plain = "bios" if needs.bios or spec.kernel or not needs.uefi else "uefi"
    if spec.firmware != plain:
        yield spec.firmware
    if spec.state != State.RUNNING:
        yield f"stays {spec.state}"


def _besides(spec: VmSpec) -> Iterator[str]:
    words = {
        "secure boot": spec.secure_boot,
        "TPM": spec.tpm,
        f"CPU {spec.cpu_model}": spec.cpu_model not in (None, architectures.of(spec.arch).cpu),
        f"topology {spec.cpu_topology}": spec.cpu_topology,
        f"graphics by {spec.graphics}": spec.graphics != "none",
        "starts with the host": spec.autostart,
        "protected": spec.protect,
        f"{len(spec.xml)} xml edit{'s' * (len(spec.xml) > 1)}": spec.xml,
    }
    return (word for word, applies in words.items() if applies)


def _waits(spec: VmSpec) -> Iterator[str]:
    """The VMs that this one waits for, as `after db is ready`, with one text for each stage."""
    stages: dict[Stage, list[str]] = {}
    for vm, stage in spec.after if not spec.saved else ():  # with its memory it waits for none
        stages.setdefault(stage, []).append(vm)
    for stage, vms in stages.items():
        yield f"after {spans(vms)} {'is' if len(vms) == 1 else 'are'} {stage}"
