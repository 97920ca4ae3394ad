"""The driver of seeds, which makes ISOs and uploads them through libvirt's API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.host.files.iso import cidata
from labctl.host.libvirt import pools, volumes
from labctl.host.libvirt.connection import translated
from labctl.kinds.seed import render

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.kinds.seed.spec import SeedSpec

SECRET = 0o600


class SeedDriver:
    """Makes and removes the seed volumes of VMs."""

    def __init__(self, host: Host, keys: Keys) -> None:
        self._host = host
        self._keys = keys

    def create(self, step: StepOf[SeedSpec], _tell: Teller) -> None:
        """Upload the ISO, also if the volume exists: it may be from an upload that broke off."""
        spec = step.wanted
        private, public = self._keys.host(spec.vm)
        iso = cidata(render.files(spec, self._keys.login_public(), render.HostKey(private, public)))
        with translated(str(spec.address)):
            pool = self._host.pool(identity.pool_name(spec.lab))
            volumes.delete(pool, spec.volume)
            volumes.upload(self._host.virt, pool, spec.volume, iso, length=len(iso), mode=SECRET)

    def update(self, step: StepOf[SeedSpec], tell: Teller) -> None:
        """Upload the ISO again. A running guest keeps the old one, which its QEMU has open."""
        self.create(step, tell)

    def delete(self, step: StepOf[SeedSpec], _tell: Teller) -> None:
        spec = step.existing
        if step.after is None:  # a VM that goes on keeps its host key, which its guest takes only once
            self._keys.forget(spec.vm)
        with translated(str(spec.address)):
            pool = pools.find(self._host.virt, identity.pool_name(spec.lab))
            if pool is not None:
                volumes.delete(pool, spec.volume)
