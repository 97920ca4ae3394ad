"""The backing chains of the disks of a VM that is off. Where its definition lacks them, snapshots and volumes tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from labctl.core import identity, xmltree
from labctl.core.record import replace
from labctl.host.libvirt.dumps import described

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labctl.kinds.vm.spec import VmSpec
    from labctl.kinds.vm.uses import DiskUse

LONGEST = 200  # layers, as QEMU has it


def snapshots(domain: Any) -> list[str]:
    """The XML of each snapshot of a virDomain."""
    (listed,) = described([domain], lambda each: each.listAllSnapshots())
    texts = described(listed or (), lambda each: str(each.getXMLDesc()))
    return [text for text in texts if text is not None]


def kinds(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The names of snapshots by their XML; one is internal as soon as anything of it is inside a disk. Pure."""
    found = []
    for root in map(ET.fromstring, texts):
        parts = (*root.iterfind("memory"), *root.iterfind("disks/disk"))
        inside = any(each.get("snapshot") == "internal" for each in parts)
        found.append((root.findtext("name", ""), "internal" if inside else "external"))
    return tuple(sorted(found))


def grounds(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What each overlay was put on, by the XML of the snapshots that made them. Pure."""
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


def completed(vm: VmSpec, ground: Callable[[str], tuple[str, ...]]) -> VmSpec:
    """A VM whose disks tell what they stand on; `ground` gives it for a path, nothing where it isn't known."""
    return replace(vm, disks=tuple(_completed(vm, use, ground) for use in vm.disks))


def _completed(vm: VmSpec, use: DiskUse, ground: Callable[[str], tuple[str, ...]]) -> DiskUse:
    name = use.source.rpartition("/")[2]
    if use.readonly or not use.source or name == f"{vm.name}.{use.name}" or name.startswith(identity.VOLUMES):
        return use  # it is where labctl made it
    layers = [use.source, *use.below]
    while len(layers) < LONGEST and (more := ground(layers[-1])):
        layers += more
    below = tuple(layers[1:])
    own = next((each for each in reversed(below) if f"/{identity.pool_name(vm.lab)}/" in each), "")
    return replace(use, below=below, disk=identity.disk_name(own.rpartition("/")[2]) or use.disk)
