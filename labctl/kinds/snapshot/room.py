"""The room that taking a snapshot needs in the lab's pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core.lifecycle import ACTIVE
from labctl.host.libvirt import domains, volumes

if TYPE_CHECKING:
    from labctl.kinds.snapshot.spec import SnapshotSpec


def needed(virt: Any, pool: Any, snapshot: SnapshotSpec) -> int:
    """The bytes of the memory that its VMs use now, and of what is copied."""
    copied = {each.volume for each in snapshot.copies}
    copies = sum(each.allocation for each in volumes.facts(pool, copied))
    running = (domains.find(virt, snapshot.lab, vm.name) for vm in snapshot.vms if vm.state in ACTIVE)
    return copies + sum(_memory(domain) for domain in running if domain is not None)


def _memory(domain: Any) -> int:  # a virDomain
    """The bytes of memory that a guest uses at most. Pages that it never wrote to take nothing in the file."""
    given = int(domain.info()[2])
    try:
        resident = int(domain.memoryStats().get("rss", given))  # that of QEMU, with what it needs itself
    except libvirt.libvirtError:
        resident = given  # it has just been shut down
    return min(given, resident) << 10
