"""The driver of warm states."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.errors import Interrupted, LabctlError
from labctl.core.record import replace
from labctl.host.access import port_session
from labctl.host.access.port_transport import PortTransport
from labctl.host.access.streams import FEW_BYTES
from labctl.host.libvirt.connection import translated
from labctl.kinds.warm import store
from labctl.kinds.warm.save import save
from labctl.kinds.warm.spec import not_saved

if TYPE_CHECKING:
    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.host.access.keys import Keys
    from labctl.host.host import Host
    from labctl.kinds.warm.spec import WarmSpec
    from labctl.kinds.warm.store import StoredWarm

WAIT_S = 3.0  # how long to wait for another labctl that changes a lab whose pool is stopped
SYNC_S = 120.0  # how long a guest may take to write what it has not written to its disks


class WarmDriver:
    """Saves and deletes warm states."""

    def __init__(self, host: Host, keys: Keys) -> None:
        self._host = host
        self._keys = keys

    async def create(self, step: StepOf[WarmSpec], tell: Teller) -> None:
        """Save the lab, in place of what was saved of it before.

        It is ready and goes on in any case: what stands against it is a warning.
        """
        spec = step.wanted
        try:
            if step.before is not None:
                await self._host.connection.call(self._delete, step.existing)
            tell.progress("writing to its disks")
            await asyncio.gather(*(self._sync(spec.lab, vm.name) for vm in spec.vms))
            await self._host.connection.call(self._save, spec, tell)
        except Interrupted:
            raise
        except LabctlError as error:
            tell.warn(*not_saved(error))

    async def _sync(self, lab: str, vm: str) -> None:
        """Let a guest write all to its disks, so that it can also boot from what is saved of them."""
        async with port_session.opened(self._host.connection, identity.libvirt_name(lab, vm)) as port:
            done = await PortTransport(port).run("sync", timeout=SYNC_S, limit=FEW_BYTES)
            done.check(f"the guest of {vm} can't write to its disks")

    def _save(self, spec: WarmSpec, tell: Teller) -> None:
        with translated(str(spec.address)):
            save(self._host, self._keys, spec, tell)

    update = create

    def delete(self, step: StepOf[WarmSpec], _tell: Teller) -> None:
        """Delete a warm state, or what is left of one.

        Raises:
            LabctlError: a disk stands on it, or another labctl holds a lab of which that can't be told.
        """
        self._delete(step.existing)

    def _delete(self, warm: WarmSpec) -> None:
        with translated(str(warm.address)):
            every = store.look(self._host, held=warm.lab, wait_s=WAIT_S)
            gone = [each for each in every if each.warm.volume("") == warm.volume("")]
            store.remove(self._host, [replace(each, users=_others(each)) for each in gone])


def _others(stored: StoredWarm) -> tuple[str, ...]:
    """Who stands on a warm state, but for marks of copies that its own lab makes of it.

    When a warm state is deleted, its lab is deleted too, or has made all of its copies.
    """
    pool = identity.pool_name(stored.warm.lab)
    return tuple(user for user in stored.users if not _is_mark(user, pool))


def _is_mark(user: str, pool: str) -> bool:
    own, _, volume = user.partition("/")
    return own == pool and identity.marked_copy(volume) is not None
