"""Checks the memory of VMs: what the host has left for them, and what their images need."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import libvirt

from labctl.core.errors import FOREIGN, Problem
from labctl.core.lifecycle import State
from labctl.core.plan import steps_of
from labctl.core.record import replace
from labctl.core.size import format_size
from labctl.core.spans import spans
from labctl.host.rootless import outside
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.vm import xml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labctl.app.session import Session
    from labctl.core.plan import Plan
    from labctl.core.spec import Spec
    from labctl.engine.sources import Sources
    from labctl.host.host import Host
    from labctl.kinds.snapshot.spec import SnapshotSpec
    from labctl.kinds.vm.spec import VmSpec
    from labctl.labfile.model import LabModel


def shortage(session: Session, plan: Plan) -> Iterator[Problem]:
    """Give an obstacle if the VMs that start or grow need more memory than the host has available."""
    for host, steps in session.hosts.split(plan.steps):
        every = [(step.after, step.after.memory_growth(step.before)) for step in steps if step.after]
        growing = [(spec, growth) for spec, growth in every if growth > 0]
        wanted, free = sum(growth for _, growth in growing), available(host)
        if not session.overcommit and free is not None and wanted > free:
            yield _shortage(session.lab, growing, wanted, free)


def _shortage(lab: LabModel, growing: Sequence[tuple[Spec, int]], wanted: int, free: int) -> Problem:
    largest, _ = max(growing, key=lambda each: each[1])
    restored = not largest.written
    who = "it needs" if len(growing) == 1 else f"{len(growing)} VMs need"
    return Problem(
        f"{who} {format_size(wanted)} of memory, and the host has {format_size(free)} available",
        str(largest.address) if restored else ".".join((*largest.written, "memory")),
        None if restored else lab.where(*largest.written, "memory"),
        f"{'' if restored else 'lower `memory`, start fewer VMs, '}halt another lab, or go on with --overcommit",
        FOREIGN,
    )


def growth(snapshot: SnapshotSpec, now: Iterable[VmSpec]) -> int:
    """The bytes of memory that the VMs of a snapshot take once they are back, beyond what the lab's VMs take now."""
    back = (xml.read(ET.fromstring(vm.definition)) for vm in snapshot.vms if vm.memory)
    takes = sum(replace(vm, state=State.RUNNING).host_memory for vm in back if vm)
    return takes - sum(vm.host_memory for vm in now)


def available(host: Host) -> int | None:
    """The bytes of memory that are available for VMs; None if libvirt's driver has no real memory (`test:///`).

    In a user's own libvirt they are no more than that user may still take.
    """
    try:
        stats = host.virt.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)
    except libvirt.libvirtError:
        return None
    free = sum(int(stats.get(name, 0)) for name in ("free", "buffers", "cached")) << 10
    left = outside.memory_left() if host.inside else None
    return free if left is None else min(free, left)


def below_needs(session: Session, plan: Plan, sources: Sources) -> Iterator[Problem]:
    """Warn of new VMs with less memory than their image needs by the catalogue. There is one warning for each image."""
    vms = {vm.name: vm for vm in session.lab.vms}
    images = {spec.label: spec for spec in sources.images.values()}
    short: dict[str, list[str]] = {}
    for step in steps_of(plan.steps, DiskSpec):
        name, _, part = step.address.name.partition("/")
        image = images.get(step.wanted.image) if part == "root" and step.action.makes else None
        if image and vms[name].memory < image.memory:
            short.setdefault(image.label, []).append(name)
    for label, names in short.items():
        bases = {vms[name].base for name in names}
        yield Problem(
            f"{label} needs {format_size(images[label].memory)} of memory to start well, "
            f"and {spans(names)} {'has' if len(names) == 1 else 'have'} less",
            f"vms.{bases.pop()}.memory" if len(bases) == 1 else "vms",
            session.lab.where("vms", names[0], "memory"),
            severity="warning",
        )
