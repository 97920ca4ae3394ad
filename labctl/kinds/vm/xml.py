"""A VM's spec as libvirt's domain XML, and back: `read(render(spec)) == spec` for the fields that the XML has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from labctl.core import records, xmltree
from labctl.core import spec as specs
from labctl.core.record import replace
from labctl.kinds.vm import devices, metadata, nvram, savable
from labctl.kinds.vm.devices import disk, nic
from labctl.kinds.vm.devices.console import CONSOLE
from labctl.kinds.vm.devices.disk import DISK
from labctl.kinds.vm.devices.filesystem import FILESYSTEM
from labctl.kinds.vm.devices.graphics import GRAPHICS
from labctl.kinds.vm.devices.nic import NIC
from labctl.kinds.vm.devices.tpm import TPM
from labctl.kinds.vm.domain import DOMAIN
from labctl.kinds.vm.metadata import METADATA
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from labctl.core.xmltree import Element


def render(spec: VmSpec) -> Element:
    """Write the whole definition, with labctl's metadata and the user's own `xml:` edits.

    The disks' targets must have been chosen (`VmSpec.with_targets`).
    """
    unedited = spec.unedited or spec
    root = DOMAIN.render(unedited)
    root.insert(2, metadata.render(spec))  # below the name and the UUID
    ET.SubElement(root, "devices").extend(devices.render(unedited))
    xmltree.edit(root, spec.xml)
    nvram.place(root, spec.nvram)
    part = root.find("devices")
    if part is not None:
        part.extend(devices.complete(root))
    return root


def machine(spec: VmSpec) -> str | None:
    """The machine type after the user's `xml:` edits; None for libvirt's choice."""
    return xmltree.attribute(render(spec), "os/type", "machine") or None


def read(root: Element) -> VmSpec | None:
    """Read a domain's XML; None when it has no metadata of labctl.

    The XML has no `state` and no `autostart`; whoever observes the domain sets them.
    """
    own = xmltree.own_metadata(root, "vm")
    if own is None:
        return None
    values = DOMAIN.values(root) | METADATA.values(own)
    values["memory"] = values["memory"] or values["max_memory"]
    if xmltree.find(root, "os/loader") is not None:  # libvirt replaces `firmware="efi"` by a loader
        values["firmware"] = "uefi"
    lab, noted = values["lab"], metadata.nics(own)
    return VmSpec(
        **values,
        **_devices(root),
        records=records.read_all(root),
        disks=tuple(disk.read(each, lab) for each in DISK.elements(root)),
        nics=tuple(nic.read(each, lab, noted) for each in NIC.elements(root)),
    )


def _devices(root: Element) -> dict[str, Any]:
    """The fields of devices other than disks and NICs."""
    filesystems = tuple(map(FILESYSTEM.read, FILESYSTEM.elements(root)))
    consoles = (CONSOLE.read(each).log for each in CONSOLE.elements(root))
    graphics = [GRAPHICS.read(each) for each in GRAPHICS.elements(root)]
    return {
        "filesystems": filesystems,
        "unsavable": savable.unsavable(filesystems, root),
        "console_log": next(filter(None, consoles), ""),  # the first serial port that has one
        "tpm": next(TPM.elements(root), None) is not None,
        "graphics": next((each.type for each in graphics), "") or "none",
        "exposed": specs.YES if any(each.exposed for each in graphics) else "",
    }


def adopt(root: Element, lab: str, name: str) -> VmSpec:
    """Read the XML of a domain that labctl made, and from which someone removed labctl's metadata."""
    xmltree.mark(root, "vm", lab, name)
    seen = read(root)
    assert seen is not None  # mark() has added the metadata
    return replace(seen, unmarked=specs.YES)


_NOT_IN_XML = ("autostart", "protect", "hosts", "xml", "machine")


def effective(spec: VmSpec) -> VmSpec:
    """The spec after the user's `xml:` edits, so that a plan does not take the edits for drift."""
    if not spec.xml:
        return spec
    seen = read(render(spec))
    if seen is None:
        return spec
    owned = (each.name for each in specs.owned_by(type(spec)).settings if each.name not in _NOT_IN_XML)
    changed = {name: getattr(seen, name) for name in owned if getattr(spec, name) is not None}
    changed["exposed"] = seen.exposed  # what the user's own edit opens is no drift
    had = {use.name: use for use in spec.disks}  # they have fields that the XML doesn't have
    changed["disks"] = tuple(
        replace(use, disk=had[use.name].disk, below=had[use.name].below, volume=had[use.name].volume)
        if use.name in had and use.source == had[use.name].source
        else use
        for use in seen.disks
    )
    return replace(spec, unedited=spec, **changed)
