"""Where the variables of a VM's UEFI are, in a domain's XML: a file in the lab's pool (docs/adr/0046). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from labctl.core.xmltree import Element

_TEMPLATE = ("template", "templateFormat")  # libvirt chooses them together with the firmware


def place(root: Element, path: str) -> None:
    """Keep the variables of a definition at this path, unless an edit of the Labfile says where they are."""
    os = root.find("os")
    if path and os is not None and _has_variables(os) and os.find("nvram") is None:
        ET.SubElement(os, "nvram").text = path


def stay(old: Element, new: Element, path: str) -> None:
    """Leave the variables where the old definition has them, unless an edit of the Labfile says where they are.

    `path` is where `place` put them. An earlier labctl left the place to libvirt, which then keeps it.
    """
    os, had = new.find("os"), old.find("os/nvram")
    if os is None or not _has_variables(os):
        return
    placed = os.find("nvram")
    if placed is not None:
        if placed.text != path:
            return
        os.remove(placed)
    if had is not None:
        had.attrib = {name: value for name, value in had.attrib.items() if name not in _TEMPLATE}
        os.append(had)


def _has_variables(os: Element) -> bool:
    """Whether the firmware is a UEFI whose variables libvirt keeps in a file. An edit may have chosen another."""
    efi, loader = os.get("firmware") == "efi", os.find("loader")
    if loader is None:
        return efi
    return loader.get("type", "pflash" if efi else "rom") == "pflash" and loader.get("stateless") != "yes"
