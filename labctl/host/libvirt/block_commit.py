"""Merges layers of a running domain's disk into one below: https://libvirt.org/kbase/live_full_disk_backup.html."""

from __future__ import annotations

import time
from typing import Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import xmltree
from labctl.core.errors import LabctlError

_POLL_S = 0.05


def run(domain: Any, target: str, *, base: str, top: str) -> None:
    """Merge all files from `top`, which the guest writes to, down to `base`; the guest then writes to that.

    Until the last moment all that the guest wrote is in the files above too: an end in between loses nothing.

    Raises:
        LabctlError: QEMU ended the work.
        libvirtError: it can't be begun.
    """
    if domain.blockJobInfo(target):  # of a run that was killed
        domain.blockJobAbort(target)
    domain.blockCommit(target, base, top, 0, libvirt.VIR_DOMAIN_BLOCK_COMMIT_ACTIVE)
    while not _ready(domain, target):
        if not domain.blockJobInfo(target):
            raise LabctlError(f"QEMU did not merge {top}")
        time.sleep(_POLL_S)
    domain.blockJobAbort(target, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)


def _ready(domain: Any, target: str) -> bool:
    """Whether all is copied, and what the guest writes goes to both."""
    disks = ET.fromstring(domain.XMLDesc()).iterfind("devices/disk")
    disk = next((each for each in disks if xmltree.attribute(each, "target", "dev") == target), None)
    return disk is not None and xmltree.attribute(disk, "mirror", "ready") == "yes"
