"""Which domains use which files as disks; labctl's own domains, and others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import xmltree
from labctl.core.record import record
from labctl.host.libvirt.connection import missing
from labctl.host.libvirt.dumps import dumps, snapshot_dumps

if TYPE_CHECKING:
    from collections.abc import Collection


@record
class Use:
    """A domain that uses a file as a disk or as a backing file; `running` says whether it is running with it."""

    domain: str
    uuid: str
    running: bool


def of_files(virt: libvirt.virConnect, *, running: bool = False) -> dict[str, list[Use]]:
    """File → its users, of the live XML and the persistent definitions of all domains, or of the live XML alone."""
    active = virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
    uses = _uses(active, 0)
    if running:
        return uses
    for path, each in _uses(virt.listAllDomains(), libvirt.VIR_DOMAIN_XML_INACTIVE).items():
        known = uses.setdefault(path, [])
        there = {use.uuid for use in known}
        known += [use for use in each if use.uuid not in there]
    return uses


def _uses(domains: Collection[Any], flags: int) -> dict[str, list[Use]]:
    uses: dict[str, list[Use]] = {}
    for domain, text in zip(domains, dumps(list(domains), flags), strict=True):
        if text is None:
            continue
        for path in sorted(files(text)):
            uses.setdefault(path, []).append(Use(domain.name(), domain.UUIDString(), running=flags == 0))
    return uses


def of_snapshots(virt: libvirt.virConnect) -> set[str]:
    """The files that snapshots need which libvirt knows of, as virsh makes them, whatever their domains use now."""
    having = virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT)
    roots = (ET.fromstring(text) for domain in having for text in snapshot_dumps(domain))
    return {path for root in roots for disk in root.iter("disk") for path in xmltree.layers(disk)}


def files(text: str) -> set[str]:
    """The paths of all disks in a domain's XML, with their backing chains. Pure."""
    return {each for disk in ET.fromstring(text).iterfind("devices/disk") for each in xmltree.layers(disk)}


def now(virt: libvirt.virConnect, use: Use) -> set[str]:
    """The files that a running domain uses now; empty if it has ended."""
    try:
        domain = virt.lookupByUUIDString(use.uuid)
        return files(domain.XMLDesc()) if domain.isActive() else set()
    except libvirt.libvirtError as error:
        if missing(error):
            return set()
        raise
