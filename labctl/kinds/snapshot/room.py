"""The room that taking or restoring a snapshot needs in the lab's pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core.lifecycle import ACTIVE
from labctl.host.libvirt import domains, pools, volumes
from labctl.host.libvirt.storage_errors import translated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.host.libvirt.connection import Connection
    from labctl.host.libvirt.volumes import Facts
    from labctl.kinds.snapshot.spec import SnapshotSpec


def needed(connection: Connection, pool: Any, snapshot: SnapshotSpec) -> int:
    """The bytes of the memory that its VMs use now, and of what is copied."""
    pools.refresh(pool)  # libvirt notices only so the variables of UEFI that it made itself
    copied = {each.volume for each in snapshot.copies}
    copies = sum(each.allocation for each in volumes.facts(pool, copied))
    running = [vm.name for vm in snapshot.vms if vm.state in ACTIVE]
    found = (domains.find(connection.virt, snapshot.lab, name) for name in running)
    return copies + memory(connection, [domain for domain in found if domain is not None])


def to_restore(there: Iterable[Facts], snapshot: SnapshotSpec) -> int:
    """The bytes by which copies grow what they replace. What exists of that is deleted before.

    `there` are the volumes of the lab's pool.
    """
    taken = {each.name: each.allocation for each in there}
    return sum(taken.get(each.copy, 0) - taken.get(each.volume, 0) for each in snapshot.copies)


def free(pool: Any) -> int:
    """The bytes that are free in a pool, at its last refresh."""
    with translated("can't look for free space", where=pool.name()):
        return int(pool.info()[3])


def memory(connection: Connection, running: Iterable[Any]) -> int:  # virDomains
    """The bytes of memory that guests use at most. Pages that they never wrote to take nothing in the file."""
    return sum(connection.in_parallel(running, _memory))


def _memory(domain: Any) -> int:
    given = int(domain.info()[2])
    try:
        resident = int(domain.memoryStats().get("rss", given))  # that of QEMU, with what it needs itself
    except libvirt.libvirtError:
        resident = given  # it has just been shut down
    return min(given, resident) << 10
