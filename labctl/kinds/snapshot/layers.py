"""The layers of disks: which ones a domain's XML names, and which ones nothing needs any more. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from labctl.core import identity, xmltree
from labctl.kinds.snapshot.spec import Layer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from labctl.core.xmltree import Element
    from labctl.host.libvirt.volumes import Facts
    from labctl.kinds.snapshot.spec import SnapshotSpec

_ALIAS = "ua-disk-"  # of the disks that labctl gave to a domain


def of_domain(root: Element, vm: str) -> tuple[Layer, ...]:
    """The files that the guest writes to, of the VM's own disks: what a snapshot freezes."""
    return tuple(
        Layer(f"{vm}/{_name(disk)}", xmltree.layers(disk)[0], xmltree.attribute(disk, "driver", "type"))
        for disk in root.iterfind("devices/disk")
        if _is_own(disk)
    )


def strange_disks(root: Element) -> list[str]:
    """The targets of the disks that can be written to and that labctl did not give to the domain."""
    return [
        xmltree.attribute(disk, "target", "dev")
        for disk in root.iterfind("devices/disk")
        if not _is_own(disk) and disk.find("readonly") is None and not _is_volume(disk)
    ]


def _is_own(disk: Element) -> bool:
    written = disk.find("readonly") is None and not _is_volume(disk)
    return bool(_name(disk)) and written and bool(xmltree.attribute(disk, "source", "file"))


def _is_volume(disk: Element) -> bool:
    """Whether the disk is a volume of the lab, which has no layers, since several guests write to it."""
    return xmltree.attribute(disk, "source", "file").rpartition("/")[2].startswith(f"{identity.VOLUMES}.")


def _name(disk: Element) -> str:
    alias = xmltree.attribute(disk, "alias", "name")
    return alias.removeprefix(_ALIAS) if alias.startswith(_ALIAS) else ""


def request(root: Element, name: str, onto: Mapping[str, str], memory: str) -> str:
    """The XML for libvirt that freezes a domain's disks: each goes on in the file that `onto` has for its path.

    `memory` is the path for the domain's memory, empty for one that is off.
    """
    asked = ET.Element("domainsnapshot")
    ET.SubElement(asked, "name").text = name
    ET.SubElement(asked, "memory", {"snapshot": "external", "file": memory} if memory else {"snapshot": "no"})
    disks = ET.SubElement(asked, "disks")
    for disk in root.iterfind("devices/disk"):
        above = onto.get(xmltree.attribute(disk, "source", "file"), "")
        target = xmltree.attribute(disk, "target", "dev")
        one = ET.SubElement(disks, "disk", name=target, snapshot="external" if above else "no")
        if above:
            ET.SubElement(one, "driver", type="qcow2")
            ET.SubElement(one, "source", file=above)
    return xmltree.to_text(asked)


def reached(volumes: Iterable[Facts], paths: Iterable[str]) -> set[str]:
    """These paths, and all that they stand on as far as the volumes of the lab's pool tell."""
    below, found = {each.path: each.backing for each in volumes}, set[str]()
    for path in paths:
        layer: str | None = path
        while layer and layer not in found:
            found.add(layer)
            layer = below.get(layer)
    return found


def rebased(volumes: Iterable[Facts], snapshot: SnapshotSpec) -> Iterator[tuple[str, str, str | None]]:
    """The files of a snapshot's chains that stand on another one by now: the path, what was below, and what is."""
    there = {each.path: each.backing for each in volumes}
    chains = ((layer.path, *layer.below) for layer in snapshot.layers)
    pairs = dict.fromkeys(pair for chain in chains for pair in pairwise(chain))
    for path, below in pairs:
        if path in there and there[path] != below:
            yield path, below, there[path]


def unneeded(volumes: Sequence[Facts], needed: Iterable[str], used: Iterable[str]) -> Iterator[str]:
    """The names of the layers that nothing needs, and on which nothing stands that somebody else made.

    Args:
        volumes: all volumes of the lab's pool.
        needed: the paths that domains and snapshots use.
        used: those of them that the lab's VMs use. Of a disk that is not among them nothing shows in which layer it
            went on: all of its layers stay.
    """
    of_others = {each.path for each in volumes if not identity.is_layer(each.name)}
    kept, shown = reached(volumes, of_others.union(needed)), reached(volumes, used)
    disks = {identity.disk_of_layer(each.path) for each in volumes if each.path in shown}
    for each in volumes:
        if (
            each.path not in kept
            and identity.is_layer(each.name)
            and identity.disk_of_layer(each.name) in disks
        ):
            yield each.name
