"""The kind of networks for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.kinds import Kind
from labctl.kinds.network.observe import observe
from labctl.kinds.network.spec import NetworkSpec

if TYPE_CHECKING:
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.kinds.network.driver import NetworkDriver


def _driver(host: Host, _keys: Keys) -> NetworkDriver:
    from labctl.kinds.network.driver import NetworkDriver  # most runs have nothing to do

    return NetworkDriver(host)


NETWORK = Kind(NetworkSpec, _driver, observe)
