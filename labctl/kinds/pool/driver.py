"""The driver of the labs' pools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.errors import LabctlError
from labctl.host.libvirt import copies, disk_users, pools
from labctl.host.libvirt.connection import translated

if TYPE_CHECKING:
    from collections.abc import Collection

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

    def update(self, step: StepOf[PoolSpec], tell: Teller) -> None:
        """Start the pool, and make the copies that were cut off.

        Raises:
            LabctlError: a domain runs on one, or its source is gone.
        """
        self.create(step, tell)
        if step.existing.unfinished:
            with translated(str(step.address)):
                self._finish_copies(self._host.pool(step.wanted.libvirt_name), step.existing.unfinished)

    def _finish_copies(self, pool: Any, unfinished: Collection[str]) -> None:
        users = disk_users.of_files(self._host.virt, running=True)
        for volume in unfinished:
            path = f"{pools.path(pool)}/{volume}"
            if uses := users.get(path):
                names = ", ".join(sorted(use.domain for use in uses))
                raise LabctlError(
                    f"{names} runs on {path}, which was not copied back to its end",
                    hint="`labctl halt` shuts it down; then run the same again",
                )
        copies.make_all(self._host.connection, pool)

    def delete(self, step: StepOf[PoolSpec], tell: Teller) -> None:
        spec = step.existing
        with translated(str(spec.address)):
            left = pools.remove(self._host.virt, spec.libvirt_name, spec.own)
        if left:
            tell.warn(f"{spec.path} stays, since it holds what labctl did not make: {', '.join(left)}")
