"""What others put into a domain's definition, which is copied to its next definition so that it stays.

These are libvirt's choices, and the metadata of other kinds and other programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import records as core_records
from labctl.core import xmltree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.core.records import Records
    from labctl.core.xmltree import Element


def metadata(old: Element, new: Element) -> None:
    """Copy the elements of the metadata that are not the VM's own: those of other kinds, and of other programs."""
    old_holder, new_holder = old.find("metadata"), new.find("metadata")
    if old_holder is None or new_holder is None:
        return
    there = {each.tag for each in new_holder}
    new_holder.extend(each for each in old_holder if each.tag not in there)


def records(kept: Mapping[str, Records], new: Element) -> None:
    """Put what these kinds keep into the metadata, in place of what they have there."""
    holder = new.find("metadata")
    if holder is None:
        return
    for kind, found in kept.items():
        element = core_records.element(kind, found)
        xmltree.remove(holder, element.tag)
        if found:
            holder.append(element)


def generation(old: Element, new: Element) -> None:
    """Copy the generation ID: the guest did not become another one because its definition changed."""
    had, has = old.find("genid"), new.find("genid")
    if had is not None and has is not None:
        has.text = had.text


def places(old: Element, new: Element) -> None:
    """Copy the controllers, and the addresses of devices on buses, unless the machine type and so its buses change."""
    if _machine(old) != _machine(new):
        return
    old_devices, new_devices = old.find("devices"), new.find("devices")
    if old_devices is None or new_devices is None:
        return
    there = {_key(each): each for each in new_devices.findall("controller")}
    for controller in old_devices.findall("controller"):
        same, place = there.get(_key(controller)), controller.find("address")
        if same is None:
            new_devices.append(controller)
        elif place is not None and same.find("address") is None:
            same.append(place)
    known = {_alias(each): each.find("address") for each in old_devices if _alias(each).startswith("ua-")}
    for device in new_devices:
        place = known.get(_alias(device))
        if place is not None and device.find("address") is None:
            device.append(place)


def _machine(root: Element) -> str:
    own = xmltree.own_metadata(root, "vm")
    return "" if own is None else own.get("machine", "")


def _key(controller: Element) -> tuple[str, str]:
    return controller.get("type", ""), controller.get("index", "")


def layers(old: Element, new: Element) -> None:
    """Copy the backing chains of disks that stay. While a VM is off, only its definition has them."""
    known = {
        (_alias(each), xmltree.layers(each)[:1]): each.find("backingStore")
        for each in old.iterfind("devices/disk")
    }
    for disk in new.iterfind("devices/disk"):
        below = known.get((_alias(disk), xmltree.layers(disk)[:1]))
        if below is not None and disk.find("backingStore") is None:
            disk.append(below)


def _alias(device: Element) -> str:
    return xmltree.attribute(device, "alias", "name")
