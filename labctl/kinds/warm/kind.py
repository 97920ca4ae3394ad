"""The kind of warm states for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.found import Found
from labctl.core.record import replace
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
    """The warm states of the lab, and what saves left that were killed, so that all of it can be removed."""
    parts = map(identity.warm_part, look.store_volumes)
    if not any(part and part[0] == look.lab for part in parts):
        return Found()
    from labctl.kinds.warm import states  # few labs have one

    store = pools.require(look.virt, identity.STORE)
    *others, first = *states.unfinished(store, look.lab), *states.every(look.virt, store, look.lab)
    return Found((first, *(replace(each, aside=True) for each in others)))


WARM = Kind(WarmSpec, _driver, _observe)
