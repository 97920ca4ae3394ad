"""Networks, as the registry has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.kinds import Kind
from labctl.kinds.network.observe import observe
from labctl.kinds.network.spec import NetworkSpec

if TYPE_CHECKING:
    from labctl.host.access.keys import Keys
    from labctl.host.libvirt.connection import Connection
    from labctl.kinds.network.driver import NetworkDriver


def _driver(connection: Connection, _keys: Keys) -> NetworkDriver:
    from labctl.kinds.network.driver import NetworkDriver  # most runs have nothing to do

    return NetworkDriver(connection)


NETWORK = Kind(NetworkSpec, _driver, observe)
