"""Which layers of disks are merged once a snapshot is gone."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.lifecycle import ACTIVE
from labctl.core.record import replace
from labctl.core.spec import of_kind
from labctl.kinds import addresses
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.snapshot.spec import SnapshotSpec
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Collection

    from labctl.core.address import Address
    from labctl.core.spec import Spec
    from labctl.kinds.vm.disks_and_nics import DiskUse


def merged(existing: dict[Address, Spec]) -> dict[Address, Spec]:
    """What exists, with the layers of running VMs merged into what they stand on, as far as no snapshot needs that.

    Those of virsh may be inside a layer, or name it, so that nothing is merged of a VM that has such.
    """
    snapshots = list(of_kind(existing.values(), SnapshotSpec))
    if any(each.problem for each in snapshots):
        return existing  # one that can't be read may need any layer
    frozen = (layer for each in snapshots for layer in each.layers)
    held = {path for layer in frozen for path in (layer.path, *layer.below)}
    running = (vm for vm in of_kind(existing.values(), VmSpec) if vm.state in ACTIVE and not vm.snapshots)
    uses = ((use, addresses.disk(use.disk)) for vm in running for use in vm.disks if use.disk)
    onto = {address: _lowest(use, held) for use, address in uses if address in existing}
    disks = of_kind(existing.values(), DiskSpec)
    return existing | {
        disk.address: replace(disk, active_volume=onto[disk.address])
        for disk in disks
        if onto.get(disk.address)
    }


def _lowest(use: DiskUse, held: Collection[str]) -> str:
    """The name of the lowest file that a disk can be merged into; empty if there is nothing to merge."""
    chain = (use.source, *use.below)
    lowest = chain[0]
    for above, below in pairwise(chain):
        if not identity.is_layer(above) or below in held or use.disk != identity.disk_of_layer(below):
            break
        lowest = below
    return "" if lowest == chain[0] else lowest.rpartition("/")[2]
