"""The backing chains of disks of a VM that is off: its definition may lack them, snapshots and volumes have them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labctl.core import identity, xmltree
from labctl.core.record import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labctl.kinds.vm.disks_and_nics import DiskUse
    from labctl.kinds.vm.spec import VmSpec

LONGEST = 200  # layers, QEMU's own limit


def snapshot_kinds(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The name and the kind of each snapshot, `internal` or `external`, by their XML. Pure.

    A snapshot is internal if it has its memory or any disk's state inside a disk.
    """
    found = []
    for root in map(ET.fromstring, texts):
        parts = (*root.iterfind("memory"), *root.iterfind("disks/disk"))
        inside = any(each.get("snapshot") == "internal" for each in parts)
        found.append((root.findtext("name", ""), "internal" if inside else "external"))
    return tuple(sorted(found))


def layers_below(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Each overlay's path → the paths of the layers below it, by the XML of the snapshots that made overlays. Pure."""
    found = {}
    for root in map(ET.fromstring, texts):
        disks = {
            xmltree.attribute(disk, "target", "dev"): xmltree.layers(disk)
            for disk in root.iterfind("domain/devices/disk")
        }
        for disk in root.iterfind("disks/disk[@snapshot='external']"):
            for overlay in xmltree.layers(disk):
                found[overlay] = disks.get(disk.get("name", ""), ())
    return found


def completed(vm: VmSpec, layers_below: Callable[[str], tuple[str, ...]]) -> VmSpec:
    """The VM with the backing chains of its disks. `layers_below` gives the layers below a path, empty if unknown."""
    return replace(vm, disks=tuple(_completed(vm, use, layers_below) for use in vm.disks))


def _completed(vm: VmSpec, use: DiskUse, layers_below: Callable[[str], tuple[str, ...]]) -> DiskUse:
    name = use.source.rpartition("/")[2]
    if use.readonly or not use.source or name == f"{vm.name}.{use.name}" or name.startswith(identity.VOLUMES):
        return use  # the volume that labctl made, without overlays
    layers = [use.source, *use.below]
    while len(layers) < LONGEST and (more := layers_below(layers[-1])):
        layers += more
    below = tuple(layers[1:])
    own = next((each for each in reversed(below) if f"/{identity.pool_name(vm.lab)}/" in each), "")
    return replace(use, below=below, disk=identity.disk_name(own.rpartition("/")[2]) or use.disk)
