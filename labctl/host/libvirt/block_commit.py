"""Merges layers of a running domain's disk into one below: https://libvirt.org/kbase/live_full_disk_backup.html."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import identity, xmltree
from labctl.core.errors import Interrupted, LabctlError

if TYPE_CHECKING:
    from labctl.core.events import Teller

_POLL_S = 0.05


def run(domain: Any, target: str, *, base: str, top: str, tell: Teller) -> None:
    """Merge all files from `top`, which the guest writes to, down to `base`; the guest then writes to that.

    Until the last moment all that the guest wrote is in the files above too: an end in between loses nothing. A merge
    to this base that a killed run left under way is gone on with; what else QEMU does with the disk is left alone.

    Raises:
        Interrupted: the user stopped the run. The merge is called off.
        LabctlError: QEMU ended the work, or works on the disk for somebody else.
        libvirtError: it can't be begun.
    """
    _begin(domain, target, base, top)
    while not _ready(domain, target):
        if not (job := domain.blockJobInfo(target)):
            raise LabctlError(
                f"QEMU did not merge {top}; the VM goes on as before",
                hint="is there room on the host's disk? The next `labctl snapshot prune` tries it again",
            )
        try:
            tell.progress("merging layers", job["cur"], job["end"])
        except Interrupted:
            domain.blockJobAbort(target)
            raise
        time.sleep(_POLL_S)
    domain.blockJobAbort(target, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)


def call_off(domain: Any) -> None:
    """End all merges of layers that killed runs left under way; the guest writes on to the files above.

    As long as QEMU works on a disk, libvirt saves no memory of the domain, and neither grows nor unplugs the disk.
    """
    for disk in _disks(domain):
        if _merges_layers(disk):
            domain.blockJobAbort(xmltree.attribute(disk, "target", "dev"))


def _begin(domain: Any, target: str, base: str, top: str) -> None:
    if domain.blockJobInfo(target):
        disk = _disk(domain, target)
        if disk is None or not _merges_layers(disk):
            raise LabctlError(
                f"QEMU works on {top} for somebody else; the layers were not merged",
                hint=f"`virsh blockjob {domain.name()} {target} --info` shows it; once it has ended, "
                "`labctl snapshot prune` merges them",
            )
        if _onto(disk) == base:
            return
        domain.blockJobAbort(target)  # it was begun when a snapshot still needed what is below
    domain.blockCommit(target, base, top, 0, libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE)


def _merges_layers(disk: ET.Element) -> bool:
    """Whether QEMU merges layers of labctl's into one below."""
    top = xmltree.attribute(disk, "source", "file")
    of_same_disk = identity.disk_of_layer(top) == identity.disk_of_layer(_onto(disk))
    return (
        xmltree.attribute(disk, "mirror", "job") == "active-commit"
        and identity.is_layer(top)
        and of_same_disk
    )


def _onto(disk: ET.Element) -> str:
    """The file that the disk's job writes to."""
    return xmltree.attribute(disk, "mirror/source", "file")


def _ready(domain: Any, target: str) -> bool:
    """Whether all is copied, and what the guest writes goes to both."""
    disk = _disk(domain, target)
    return disk is not None and xmltree.attribute(disk, "mirror", "ready") == "yes"


def _disk(domain: Any, target: str) -> ET.Element | None:
    return next((each for each in _disks(domain) if xmltree.attribute(each, "target", "dev") == target), None)


def _disks(domain: Any) -> list[ET.Element]:
    return ET.fromstring(domain.XMLDesc()).findall("devices/disk")
