"""The driver of snapshots."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.host.libvirt import pools
from labctl.host.libvirt.connection import translated
from labctl.kinds.snapshot import parts
from labctl.kinds.snapshot.restore import restore
from labctl.kinds.snapshot.save import save

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.host.host import Host
    from labctl.kinds.snapshot.spec import SnapshotSpec


class SnapshotDriver:
    """Takes, restores and deletes snapshots."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._sweeping = threading.Lock()  # several snapshots may be deleted at once

    def create(self, step: StepOf[SnapshotSpec], tell: Teller) -> None:
        """Take the snapshot, unless an earlier call did whose end nobody heard of."""
        spec = step.wanted
        with translated(str(spec.address)):
            pool = self._host.pool(identity.pool_name(spec.lab))
            if parts.read(self._host.virt, pool, spec.lab, spec.name) is None:
                save(self._host.connection, pool, spec, tell)

    def restore(self, step: StepOf[SnapshotSpec], tell: Teller) -> None:
        """Bring the lab back to the snapshot, with its VMs paused."""
        spec = step.existing
        with translated(str(spec.address)):
            restore(self._host.connection, self._host.pool(identity.pool_name(spec.lab)), spec, tell)

    update = restore

    def delete(self, step: StepOf[SnapshotSpec], _tell: Teller) -> None:
        """Delete the snapshot, and the layers that only it needed. VMs may run meanwhile."""
        spec = step.existing
        with translated(str(spec.address)), self._sweeping:
            pool = pools.find(self._host.virt, identity.pool_name(spec.lab))
            if pool is not None:
                parts.delete(pool, spec)
                parts.sweep(self._host.virt, pool, spec.lab, [vm.name for vm in spec.vms])
