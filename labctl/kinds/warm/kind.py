"""The kind of warm states for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.found import Found
from labctl.host.libvirt import pools
from labctl.kinds import Kind
from labctl.kinds.warm.spec import WarmSpec

if TYPE_CHECKING:
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.host.libvirt.look import Look
    from labctl.kinds.warm.driver import WarmDriver


def _driver(host: Host, keys: Keys) -> WarmDriver:
    from labctl.kinds.warm.driver import WarmDriver  # most runs have nothing to do

    return WarmDriver(host, keys)


def _observe(look: Look) -> Found[WarmSpec]:
    """The newest one. Where there is none, what a save left that was killed, so that it can be removed."""
    parts = map(identity.warm_part, look.store_volumes)
    if not any(part and part[0] == look.lab for part in parts):
        return Found()
    from labctl.kinds.warm import states  # few labs have one

    store = pools.require(look.virt, identity.STORE)
    found = states.every(look.virt, store, look.lab) or states.unfinished(store, look.lab)
    return Found(tuple(found[-1:]))


WARM = Kind(WarmSpec, _driver, _observe)
