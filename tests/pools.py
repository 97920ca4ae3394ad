"""Pools of tests, of which nothing is worth keeping."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.host.libvirt import pools, volumes

if TYPE_CHECKING:
    import libvirt


def remove(connection: libvirt.virConnect, name: str) -> None:
    """Remove a pool with all that is in it; that it isn't there is no error."""
    pool = pools.find(connection, name)
    if pool is not None:
        pools.refresh(pool)
        assert pools.remove(connection, name, volumes.names(pool)) == []
