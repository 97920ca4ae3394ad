"""The devices of a domain. Each has a file with the declaration by which its XML is written and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.kinds.vm import architectures
from labctl.kinds.vm.devices.channel import CHANNEL, GUEST_AGENT, LABCTL
from labctl.kinds.vm.devices.console import CONSOLE, Console
from labctl.kinds.vm.devices.controller import CONTROLLER, USB, missing_scsi
from labctl.kinds.vm.devices.disk import DISK
from labctl.kinds.vm.devices.filesystem import FILESYSTEM
from labctl.kinds.vm.devices.graphics import GRAPHICS, VIDEO, Graphics, Video
from labctl.kinds.vm.devices.input import INPUT, KEYBOARD
from labctl.kinds.vm.devices.memballoon import MEMBALLOON, Memballoon
from labctl.kinds.vm.devices.nic import NIC
from labctl.kinds.vm.devices.rng import RNG, Rng
from labctl.kinds.vm.devices.tpm import TPM, Tpm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.core.xmltree import Element
    from labctl.kinds.vm.spec import VmSpec


def render(spec: VmSpec) -> Iterator[Element]:
    """The elements of all devices of a VM."""
    needs = architectures.of(spec.arch)
    yield CONSOLE.render(Console(spec.console_log))
    yield from map(CHANNEL.render, (LABCTL, GUEST_AGENT))
    if spec.tpm:
        yield TPM.render(Tpm(needs.tpm))
    yield RNG.render(Rng())
    yield from map(DISK.render, spec.disks)
    yield from map(NIC.render, spec.nics)
    yield from map(FILESYSTEM.render, spec.filesystems)
    if spec.graphics != "none":
        yield GRAPHICS.render(Graphics(spec.graphics))
        yield VIDEO.render(Video())
        if needs.keyboard:
            yield CONTROLLER.render(USB)
            yield INPUT.render(KEYBOARD)


def complete(root: Element) -> Iterator[Element]:
    """The elements of devices for which labctl's choice differs from libvirt's, unless the XML has them already.

    On some architectures libvirt adds no balloon.
    """
    if next(MEMBALLOON.elements(root), None) is None:
        yield MEMBALLOON.render(Memballoon())
    yield from map(CONTROLLER.render, missing_scsi(root))
