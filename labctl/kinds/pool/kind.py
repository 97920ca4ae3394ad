"""The kind of the labs' pools for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.found import Found
from labctl.core.spec import YES
from labctl.host.libvirt import copies
from labctl.host.libvirt.connection import translated
from labctl.kinds import Kind
from labctl.kinds.pool.spec import PoolSpec

if TYPE_CHECKING:
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.host.libvirt.look import Look
    from labctl.kinds.pool.driver import PoolDriver


def _driver(host: Host, _keys: Keys) -> PoolDriver:
    from labctl.kinds.pool.driver import PoolDriver  # most runs have nothing to do

    return PoolDriver(host)


def _observe(look: Look) -> Found[PoolSpec]:
    pool = look.contents
    if pool is None:
        return Found()
    undefined = "" if pool.persistent else YES
    unfinished = copies.marked(each.name for each in pool.volumes)
    own = look.stored.beside
    return Found((PoolSpec(look.lab, pool.folder, pool.active, undefined, unfinished, own),))


def _labs(host: Host) -> list[str]:
    with translated(host.uri):
        names = [pool.name() for pool in host.virt.listAllStoragePools()]
    return [lab for lab in map(identity.lab_of_pool, names) if lab]


POOL = Kind(PoolSpec, _driver, _observe, _labs)
