"""The machine types of a libvirt host and of domains: memory can be restored only on the type that it is of. Pure."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from labctl.core import xmltree


def of_domain(text: str) -> tuple[str, str]:
    """The architecture and the machine type of a domain, by its XML."""
    root = ET.fromstring(text)
    return xmltree.attribute(root, "os/type", "arch"), xmltree.attribute(root, "os/type", "machine")


def known(capabilities: str) -> dict[str, set[str]]:
    """Architecture → the machine types that a host has, by the XML of its capabilities."""
    found: dict[str, set[str]] = {}
    for arch in ET.fromstring(capabilities).iterfind("guest/arch"):
        types = {machine.text or "" for machine in arch.iter("machine")}
        found.setdefault(arch.get("name", ""), set()).update(types)
    return found
