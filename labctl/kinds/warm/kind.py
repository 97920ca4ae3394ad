"""The kind of warm states for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.found import Found
from labctl.host.libvirt import pools
from labctl.kinds import Kind
from labctl.kinds.warm.spec import DESCRIPTION, WarmSpec

if TYPE_CHECKING:
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.host.libvirt.look import Look
    from labctl.kinds.warm.driver import WarmDriver


def _driver(host: Host, keys: Keys) -> WarmDriver:
    from labctl.kinds.warm.driver import WarmDriver  # most runs have nothing to do

    return WarmDriver(host, keys)


def _observe(look: Look) -> Found[WarmSpec]:
    parts = map(identity.warm_part, look.store_volumes)
    if not any(part and part[0] == look.lab and part[2] == DESCRIPTION for part in parts):
        return Found()
    from labctl.kinds.warm import states  # few labs have one

    return Found(tuple(states.every(look.virt, pools.require(look.virt, identity.STORE), look.lab)[-1:]))


WARM = Kind(WarmSpec, _driver, _observe)
