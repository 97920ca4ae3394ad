"""Copies of volumes that VMs go on with. A run that is killed may leave one that is cut off.

libvirt renames no volume, so a copy can't be made under another name first, and a raw volume has no place for a note.
While a copy is being made, a mark lies beside it: an overlay on its source, which tells what to copy, and by which the
source is in use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.host.libvirt import pools, volumes
from labctl.host.libvirt.connection import found

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.host.libvirt.connection import Connection


def note(pool: Any, volume: str, source_pool: Any, source: str) -> None:
    """Note that a volume of the pool is to become a copy of another one. An earlier note of it stays as it is."""
    mark = identity.copy_mark(volume)
    if volumes.find(pool, mark) is None:
        below = volumes.require(source_pool, source)
        volumes.create(pool, mark, capacity=below.info()[1], backing=(below.path(), "raw"))


def marked(names: Iterable[str]) -> tuple[str, ...]:
    """The volumes that are noted, by the names of all volumes of a pool. Pure."""
    return tuple(sorted(filter(None, map(identity.marked_copy, names))))


def make(virt: Any, pool: Any, volume: str) -> None:
    """Make a copy that is noted, in place of what there is of it.

    Raises:
        LabctlError: its source is gone, or there is no room. What is not copied to its end stays noted.
    """
    mark = identity.copy_mark(volume)
    source = _source(virt, pool, volume, mark)
    volumes.delete(pool, volume)
    volumes.copy(virt, source.storagePoolLookupByVolume(), source.name(), volume, to=pool)
    volumes.delete(pool, mark)


def make_all(connection: Connection, pool: Any) -> None:
    """Make all copies that are noted; what one of them raises is raised once all have ended."""
    noted = marked(volumes.names(pool))
    connection.in_parallel(noted, lambda volume: make(connection.virt, pool, volume))


def _source(virt: Any, pool: Any, volume: str, mark: str) -> Any:
    path = next((each.backing for each in volumes.facts(pool, {mark})), None)
    pools.find(virt, identity.STORE)  # a source is only known in a pool that is started
    source = path and found((virt.storageVolLookupByPath, path))
    if not source:
        raise LabctlError(
            f"{path or 'its source'} is gone, of which {volume} is to be a copy",
            where=pool.name(),
            hint="put it back and run the same again; `labctl destroy` removes the lab",
        )
    return source
