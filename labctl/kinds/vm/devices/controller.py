"""Controllers of disks and input devices: https://libvirt.org/formatdomain.html#controllers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core.record import record
from labctl.core.xmlfields import Declaration, Property
from labctl.kinds.vm.devices.disk import DISK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.core.xmltree import Element

_DISKS = 15  # how many disks libvirt puts on one SCSI controller


@record
class Controller:
    """A controller; `index` is its number, from 0, among those of its `type`."""

    type: str
    index: str
    model: str


CONTROLLER = Declaration(
    "devices/controller",
    Controller,
    Property("type", "@type"),
    Property("index", "@index"),
    Property("model", "@model"),
)
USB = Controller("usb", "0", "qemu-xhci")


def scsi(index: int) -> Controller:
    """The SCSI controller with a number. libvirt's default model is lsilogic, for which few guests have a driver."""
    return Controller("scsi", str(index), "virtio-scsi")


def scsi_index(target: str) -> int:
    """The number of the controller of a SCSI disk: libvirt puts 15 disks on each, in the order of their targets."""
    number = 0
    for letter in target.removeprefix("sd"):
        number = number * 26 + ord(letter) - ord("a") + 1
    return (number - 1) // _DISKS


def missing_scsi(root: Element) -> Iterator[Controller]:
    """The SCSI controllers that a domain's disks need and its XML lacks."""
    there = {each.index for each in map(CONTROLLER.read, CONTROLLER.elements(root)) if each.type == "scsi"}
    disks = map(DISK.read, DISK.elements(root))
    for index in sorted({scsi_index(each.target) for each in disks if each.bus == "scsi"}):
        if str(index) not in there:
            yield scsi(index)
