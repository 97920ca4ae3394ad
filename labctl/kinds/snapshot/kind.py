"""The kind of snapshots for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.found import Found
from labctl.core.record import replace
from labctl.host.libvirt import pools
from labctl.kinds import Kind
from labctl.kinds.snapshot.spec import DESCRIPTION, SnapshotSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.host.libvirt.look import Look
    from labctl.host.libvirt.volumes import Facts
    from labctl.kinds.snapshot.driver import SnapshotDriver


def _driver(host: Host, _keys: Keys) -> SnapshotDriver:
    from labctl.kinds.snapshot.driver import SnapshotDriver  # most runs have nothing to do

    return SnapshotDriver(host)


def _observe(look: Look) -> Found[SnapshotSpec]:
    volumes = look.contents.volumes if look.contents else ()
    parts = (identity.snapshot_part(each.name) for each in volumes)
    names = [part[0] for part in parts if part and part[1] == DESCRIPTION]
    if not names:
        return Found()
    from labctl.kinds.snapshot import parts as stored  # few labs have any

    pool = pools.require(look.virt, identity.pool_name(look.lab))
    found = (stored.read(look.virt, pool, look.lab, name) for name in names)
    return Found(tuple(replace(each, size=_size(each, volumes)) for each in found if each))


def _size(snapshot: SnapshotSpec, volumes: Iterable[Facts]) -> int:
    """The bytes that the parts of a snapshot take, and its layers but for those that are the disks themselves."""
    layers = {each.path for each in snapshot.layers}
    start = identity.snapshot_volume(snapshot.name, "")
    return sum(
        each.allocation
        for each in volumes
        if each.name.startswith(start) or (each.path in layers and identity.is_layer(each.name))
    )


SNAPSHOT = Kind(SnapshotSpec, _driver, _observe)
