"""Memory of domains in files, as libvirt saves it: https://libvirt.org/html/libvirt-libvirt-domain.html."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import xmltree

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECURE, _PAUSED = libvirt.VIR_DOMAIN_SAVE_IMAGE_XML_SECURE, libvirt.VIR_DOMAIN_SAVE_PAUSED


def domain_xml(virt: Any, path: str) -> str:
    """The XML of the domain whose memory is in a file: that with which it ran.

    Raises:
        libvirtError: the file is gone, or no saved memory.
    """
    return str(virt.saveImageGetXMLDesc(path, _SECURE))


def restore(virt: Any, path: str, text: str) -> None:
    """Let the domain with this XML go on from the memory in a file. It is paused at first.

    The XML may differ from `domain_xml` in what the guest does not see, as the files of disks and the metadata.
    """
    virt.restoreFlags(path, text, _PAUSED)


def put_onto(text: str, onto: Mapping[str, str]) -> str:
    """The XML of a domain whose disks go on in the qcow2 files that `onto` has for their paths. Pure."""
    root = ET.fromstring(text)
    for disk in root.iterfind("devices/disk"):
        source, driver = disk.find("source"), disk.find("driver")
        above = onto.get(xmltree.attribute(disk, "source", "file"), "")
        if above and source is not None and driver is not None:
            source.set("file", above)
            driver.set("type", "qcow2")
            xmltree.remove(disk, "backingStore")  # the files say themselves what they stand on
    return ET.tostring(root, encoding="unicode")


def without_chains(text: str) -> str:
    """The XML of a domain without what its qcow2 disks stood on: the files say that themselves. Pure.

    No disk becomes qcow2 by this: a guest may have written such a header to its raw disk, with any file of the host.
    """
    root = ET.fromstring(text)
    for disk in root.iterfind("devices/disk"):
        if xmltree.attribute(disk, "driver", "type") == "qcow2":
            xmltree.remove(disk, "backingStore")
    return ET.tostring(root, encoding="unicode")


def with_metadata(text: str, definition: str) -> str:
    """The XML of a domain with the metadata of its definition in place of its own. Pure."""
    root, has = ET.fromstring(text), ET.fromstring(definition).find("metadata")
    xmltree.remove(root, "metadata")
    if has is not None:
        root.append(has)
    return ET.tostring(root, encoding="unicode")
