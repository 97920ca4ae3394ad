"""A disk: https://libvirt.org/formatdomain.html#hard-drives-floppy-disks-cdroms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity, xmltree
from labctl.core.xmlfields import Declaration, Fixed, Property, Written
from labctl.core.xmlforms import NUMBER, PRESENT, prefixed
from labctl.kinds.vm.disks_and_nics import DiskUse

if TYPE_CHECKING:
    from labctl.core.xmltree import Element

_ATA = ("ide", "sata")
_ALIAS = "ua-disk-"


def _device(use: DiskUse) -> str:
    """A read-only disk on an ATA bus has to be a CD-ROM for QEMU."""
    return "cdrom" if use.readonly and use.bus in _ATA else "disk"


DISK = Declaration(
    "devices/disk",
    DiskUse,
    Fixed("@type", "file"),
    Written(_device, "@device"),
    Fixed("driver/@name", "qemu"),
    Property("format", "driver/@type"),
    Property("cache", "driver/@cache"),
    Property("discard", "driver/@discard"),
    Property("source", "source/@file"),
    Property("target", "target/@dev"),
    Property("bus", "target/@bus"),
    Property("serial", "serial"),
    Property("boot", "boot/@order", NUMBER),
    Property("name", "alias/@name", prefixed(_ALIAS)),
    Property("readonly", "readonly", PRESENT),
    Property("shareable", "shareable", PRESENT),
)


def read(element: Element, lab: str) -> DiskUse:
    """Read a disk of a VM of a lab, with its backing chain."""
    values = DISK.values(element)
    source, *below = xmltree.layers(element) or ("",)
    name = values["name"] or source
    values |= {"name": name, "source": source, "below": tuple(below)}
    pool = f"/{identity.pool_name(lab)}/"
    ours = [] if name == "seed" else [each for each in (source, *below) if pool in each]
    return DiskUse(**values, disk=_address(ours))


def is_ours(element: Element) -> bool:
    """Whether labctl gave the disk its alias. libvirt gives other disks aliases as `virtio-disk0`."""
    return xmltree.attribute(element, "alias", "name").startswith(_ALIAS)


def _address(layers: list[str]) -> str:
    """The disk to which the lowest of these layers in the lab's pool belongs; the layers above it are overlays."""
    if not layers:
        return ""
    owner, _, name = layers[-1].rsplit("/", 1)[-1].partition(".")
    return name if owner == identity.VOLUMES else f"{owner}/{name}"
