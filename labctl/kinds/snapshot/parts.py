"""The parts of snapshots, which are volumes of the lab's pool, and the layers that nothing needs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core import identity
from labctl.host.libvirt import disk_users, domains, pools, volumes
from labctl.host.libvirt.connection import found
from labctl.host.libvirt.storage_errors import ignoring
from labctl.kinds.snapshot import description, layers
from labctl.kinds.snapshot.spec import DESCRIPTION, SnapshotSpec

if TYPE_CHECKING:
    from collections.abc import Collection

    from labctl.host.libvirt.volumes import Facts


def read(virt: Any, pool: Any, lab: str, name: str) -> SnapshotSpec | None:
    """A snapshot by its description; None if there is none, or part of one that a run left which was killed.

    It has a `problem` if this labctl can't read the description.
    """
    volume = identity.snapshot_volume(name, DESCRIPTION)
    if volumes.find(pool, volume) is None:
        return None
    return description.read(lab, name, volumes.download(virt, pool, volume))


def every(virt: Any, pool: Any, lab: str) -> list[SnapshotSpec]:
    """All snapshots of a lab."""
    parts = filter(None, map(identity.snapshot_part, volumes.names(pool)))
    found = (read(virt, pool, lab, name) for name, part in sorted(parts) if part == DESCRIPTION)
    return [each for each in found if each]


def names(snapshot: SnapshotSpec) -> set[str]:
    """The volumes of a snapshot, its description and its layers not among them."""
    memories = {vm.memory for vm in snapshot.vms if vm.memory}
    return memories | {each.copy for each in snapshot.copies}


def layer_paths(snapshot: SnapshotSpec) -> set[str]:
    """The paths of the layers of a snapshot."""
    return {each.path for each in snapshot.layers}


def missing(virt: Any, there: Collection[Facts], snapshot: SnapshotSpec) -> list[str]:
    """What is gone of the volumes and layers of a snapshot, and of what the layers stand on.

    `there` are the volumes of the lab's pool.
    """
    below = {path for layer in snapshot.layers for path in layer.below}
    needed = layers.reached(there, layer_paths(snapshot) | below) - {each.path for each in there}
    gone = {path for path in needed if not _there(virt, path)}
    return sorted((names(snapshot) - {each.name for each in there}) | gone)


def _there(virt: Any, path: str) -> bool:
    """Whether a volume of any pool is there, its file too."""
    volume = found((virt.storageVolLookupByPath, path))
    if volume is not None:
        with ignoring("No such file", libvirt.VIR_ERR_NO_STORAGE_VOL):
            volume.info()  # libvirt looks at the file for this
            return True
    return False


def delete(pool: Any, snapshot: SnapshotSpec) -> None:
    """Delete the volumes of a snapshot, the description last: as long as it is there, this can be done again."""
    gone = names(snapshot) if not snapshot.problem else _stored(pool, snapshot.name) - {snapshot.pool_volume}
    for name in (*sorted(gone), snapshot.pool_volume):
        volumes.delete(pool, name)


def _stored(pool: Any, snapshot: str) -> set[str]:
    """The volumes whose names say that they are of a snapshot."""
    start = identity.snapshot_volume(snapshot, "")
    return {name for name in volumes.names(pool) if name.startswith(start)}


def sweep(virt: Any, pool: Any, lab: str, vms: Collection[str]) -> None:
    """Delete the parts of no snapshot and the layers that nothing needs, as runs leave them that were killed.

    `vms` are the names of the lab's VMs, as far as they are known. What belongs to a snapshot that can't be read stays,
    and so do all layers then, since any of them may be its.
    """
    pools.refresh(pool)  # libvirt notices only so what QEMU made
    snapshots = every(virt, pool, lab)
    unreadable = {each.name for each in snapshots if each.problem}
    kept = {name for each in snapshots for name in (*names(each), each.pool_volume)}
    for name in volumes.names(pool):
        part = identity.snapshot_part(name)
        if part and name not in kept and part[0] not in unreadable:
            volumes.delete(pool, name)
    if unreadable:
        return
    users = disk_users.of_files(virt)
    own = {domain.UUIDString() for name in vms if (domain := domains.find(virt, lab, name)) is not None}
    used = [path for path, uses in users.items() if own & {use.uuid for use in uses}]
    needed = set().union(users, disk_users.of_snapshots(virt), *map(layer_paths, snapshots))
    for name in list(layers.unneeded(volumes.facts(pool), needed, used)):
        volumes.delete(pool, name)
