"""The kinds: one line each. A test asserts that this table, the folders of kinds/ and the plan's order agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.kinds.disk.driver import DiskDriver
from labctl.kinds.image.driver import ImageDriver
from labctl.kinds.image.spec import POOL
from labctl.kinds.network.driver import NetworkDriver
from labctl.kinds.pool.driver import PoolDriver
from labctl.kinds.seed.driver import SeedDriver
from labctl.kinds.vm.driver import VmDriver

if TYPE_CHECKING:
    from labctl.host.access.keys import Keys
    from labctl.host.libvirt.connection import Connection


def drivers(connection: Connection, keys: Keys) -> dict[str, Any]:
    """Give the driver of each kind."""
    return {
        "pool": PoolDriver(connection),
        "image": ImageDriver(connection),
        "network": NetworkDriver(connection),
        "disk": DiskDriver(connection, POOL),
        "seed": SeedDriver(connection, keys),
        "vm": VmDriver(connection, keys),
    }
