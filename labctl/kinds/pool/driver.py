"""The driver of the labs' pools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.host.libvirt import pools
from labctl.host.libvirt.connection import translated

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.host.host import Host
    from labctl.kinds.pool.spec import PoolSpec


class PoolDriver:
    """Makes and removes pools with their folders. A folder with files that labctl did not make stays."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def create(self, step: StepOf[PoolSpec], _tell: Teller) -> None:
        spec = step.wanted
        with translated(str(spec.address)):
            pools.define(self._host.virt, spec.libvirt_name, spec.path)

    update = create  # the only thing to mend is a pool that is not started

    def delete(self, step: StepOf[PoolSpec], tell: Teller) -> None:
        spec = step.existing
        with translated(str(spec.address)):
            left = pools.remove(self._host.virt, spec.libvirt_name, spec.own)
        if left:
            tell.warn(f"{spec.path} stays, since it holds what labctl did not make: {', '.join(left)}")
