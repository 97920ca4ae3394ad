"""The twin of a VM: another domain with the same hardware, on which a golden image is made.

Its XML is that of the VM with less in it. Were it rendered from the spec, it would lack what libvirt chose for the VM
and the variables of its UEFI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import xmltree
from labctl.core.xmlfields import Place
from labctl.kinds.vm.devices.disk import DISK
from labctl.kinds.vm.devices.filesystem import FILESYSTEM
from labctl.kinds.vm.devices.nic import NIC

if TYPE_CHECKING:
    from labctl.core.xmltree import Element
    from labctl.kinds.vm.disks_and_nics import DiskUse

_KEPT = ("root", "seed")


def root_disk(root: Element) -> DiskUse:
    """The root disk of a VM, by its definition. The VM has one."""
    return next(disk for disk in map(DISK.read, DISK.elements(root)) if disk.name == "root")


def make_twin(root: Element, source: str) -> None:
    """Make a VM's definition that of its twin: its root disk is the file `source`, and nothing leads elsewhere."""
    name = Place("name")
    name.put(root, f"{name.get(root)}.golden")
    xmltree.remove(root, "uuid", "metadata")
    devices = Place("devices").element(root)
    assert devices is not None  # libvirt's definitions have it
    for element in (*NIC.elements(root), *FILESYSTEM.elements(root)):
        devices.remove(element)
    for element in list(DISK.elements(root)):
        if DISK.read(element).name not in _KEPT:
            devices.remove(element)
    for disk in DISK.elements(root):
        if DISK.read(disk).name == "root":
            Place("source/@file").put(disk, source)
            xmltree.remove(disk, "backingStore")  # the file itself says what it stands on
    for device in devices:
        xmltree.remove(device, "log")
