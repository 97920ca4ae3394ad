"""The kind of disks for the registry."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import libvirt

from labctl.core import identity
from labctl.core.found import Found
from labctl.core.record import replace
from labctl.host.libvirt import backing
from labctl.kinds import Kind
from labctl.kinds.disk.spec import DiskSpec

if TYPE_CHECKING:
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.host.libvirt.look import Look
    from labctl.host.libvirt.volumes import Facts
    from labctl.kinds.disk.driver import DiskDriver


def _driver(host: Host, _keys: Keys) -> DiskDriver:
    from labctl.kinds.disk.driver import DiskDriver  # most runs have nothing to do

    return DiskDriver(host, identity.STORE)


def _observe(look: Look) -> Found[DiskSpec]:
    disks = [
        _in_layers(_on_its_image(look, facts, read(facts, look.lab, name)), look.above.get(name, ()))
        for name, facts in look.stored.disks.items()
    ]
    return Found(tuple(_as_large(look, disk) if disk.above else disk for disk in disks))


def _on_its_image(look: Look, facts: Facts, disk: DiskSpec) -> DiskSpec:
    """A disk that stands on what was saved of it stands on the image that this stands on."""
    if not identity.warm_part(disk.base):
        return disk
    image = backing.image_below(look.virt, facts)
    return replace(disk, base=image.rpartition("/")[2], saved=disk.base)


def _in_layers(disk: DiskSpec, above: tuple[str, ...]) -> DiskSpec:
    return replace(disk, above=above, active_volume=above[0].rpartition("/")[2] if above else disk.volume)


def read(facts: Facts, lab: str, name: str) -> DiskSpec:
    """The spec of a disk by its volume.

    libvirt takes format and size from the file's first bytes, and a guest may have written a qcow2 header to a raw
    disk. So the size of a raw disk is the length of its file.
    """
    if "/" not in name:
        return DiskSpec(lab, name, facts.physical or facts.capacity, format="raw")
    base = (facts.backing or "").rsplit("/", 1)[-1]
    return DiskSpec(lab, name, facts.capacity, base, "raw" if facts.format == "raw" else "qcow2")


def _as_large(look: Look, disk: DiskSpec) -> DiskSpec:
    """The disk with the size of its top overlay, to which its VM writes."""
    volumes = look.contents.volumes if look.contents else ()
    size = next((each.capacity for each in volumes if each.path == disk.top), None)
    if size is None:  # the overlay is in no pool, or libvirt does not know it yet
        domains = dict(item for found in look.disk_users for item in found.handles.items())
        own = domains.get(disk.owner) if disk.owner else None
        for domain in (own, *domains.values()) if own else domains.values():
            with suppress(libvirt.libvirtError):  # another domain has the disk
                size = domain.blockInfo(disk.top)[0]
                break
    return replace(disk, size=size or disk.size)


DISK = Kind(DiskSpec, _driver, _observe)
