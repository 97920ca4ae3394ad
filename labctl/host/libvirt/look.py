"""One pass over a libvirt host for one lab. The kinds share it, so that each object is listed and read once.

Others work on the same host: an object that disappears after it was listed counts as missing (`host.libvirt.dumps`).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import libvirt

from labctl.core import identity
from labctl.core.record import record
from labctl.host.libvirt import pools, stored, volumes
from labctl.host.libvirt.dumps import described

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from labctl.core.address import Address
    from labctl.core.found import Found
    from labctl.core.questions import Chain
    from labctl.core.spec import Spec
    from labctl.host.libvirt.connection import Connection

T = TypeVar("T")


@record
class Contents:
    """The lab's pool: its folder, whether it was active and persistent, and its volumes."""

    folder: str
    active: bool
    persistent: bool
    volumes: tuple[volumes.Facts, ...]


class Look:
    """The pass. Everything is read when it is first asked for."""

    def __init__(
        self,
        connection: Connection,
        lab: str,
        named: Collection[str],
        kinds: Mapping[str, Callable[[Look], Found[Any]]],
        have_disks: Collection[str],
    ) -> None:
        """`named` are the volumes of the disks that the Labfile names; `kinds` gives how each kind observes.

        `have_disks` names the kinds whose objects write to disks.
        """
        self.connection, self.lab = connection, lab
        self.virt = connection.virt
        self._named, self._kinds, self._have_disks = named, kinds, have_disks
        self._found: dict[str, Found[Any]] = {}
        self._specs: dict[str, dict[Address, Spec]] = {}  # the same by address, of kinds that others ask for
        self._refreshed = False  # whether libvirt knows of overlays that QEMU made in the lab's pool
        self._pools = {each.name(): each for each in self.virt.listAllStoragePools()}

    def found(self, kind: str) -> Found[Any]:
        """The objects that a kind found. A kind may ask for those of another, but not in a circle."""
        if kind not in self._found:
            self._found[kind] = self._kinds[kind](self)
        return self._found[kind]

    def spec(self, address: Address) -> Spec | None:
        """The existing spec at an address; None without one."""
        if address.kind not in self._specs:
            self._specs[address.kind] = {spec.address: spec for spec in self.found(address.kind).specs}
        return self._specs[address.kind].get(address)

    @cached_property
    def store(self) -> str | None:
        """The folder of the image store's pool; None if it has no pool."""
        return self._looked(identity.STORE, pools.path)

    @cached_property
    def store_volumes(self) -> frozenset[str]:
        """The names of the volumes in the image store; none if its pool is stopped, which a look does not start."""
        found = self._looked(
            identity.STORE, lambda pool: frozenset(volumes.names(pool)) if pool.isActive() else frozenset()
        )
        return found or frozenset()

    @cached_property
    def contents(self) -> Contents | None:
        """The lab's pool; None if it does not exist."""
        return self._looked(identity.pool_name(self.lab), self._contents)

    @cached_property
    def stored(self) -> stored.Stored:
        """The volumes of the lab's pool by their owners, which the disks of VMs decide."""
        if self.contents is None:
            return stored.Stored()
        chains = self._chains
        known = {*self._named, *stored.had(chains)}
        return stored.sort(self.contents.volumes, known, self.store, self.above)

    @cached_property
    def above(self) -> Mapping[str, tuple[str, ...]]:
        """Disk → the paths of the overlays on it through which its VM writes, the top first."""
        return stored.above(self._chains, self.contents.folder) if self.contents else {}

    @property
    def disk_users(self) -> list[Found[Any]]:
        """The objects of all kinds that write to disks."""
        return [self.found(kind) for kind in self._have_disks]

    @property
    def _chains(self) -> list[Chain]:
        specs = (spec for found in self.disk_users for spec in (*found.specs, *found.live))
        return [chain for spec in specs for chain in spec.chains()]

    def backing(self, path: str) -> tuple[str, ...]:
        """A volume's backing file. The lab's pool is refreshed first, since libvirt does not notice QEMU's overlays."""
        name = identity.pool_name(self.lab)
        try:
            if f"/{name}/" in path and not self._refreshed:
                self._looked(name, lambda pool: pools.refresh(pools.started(pool)))
                self._refreshed = True
            below = volumes.read(self.virt.storageVolLookupByPath(path).XMLDesc()).backing
        except libvirt.libvirtError:
            return ()  # the path is in no pool
        return (below,) if below else ()

    def _contents(self, pool: Any) -> Contents:
        active = bool(pool.isActive())
        pools.started(pool)  # only a started pool lists its volumes; a missing folder is made again
        folder = pools.path(pool)
        if self.connection.local:
            pools.renewed(pool, folder)
        return Contents(folder, active, bool(pool.isPersistent()), tuple(volumes.facts(pool)))

    def _looked(self, name: str, describe: Callable[[Any], T]) -> T | None:
        """The result of `describe` for the pool of a name; None if the pool does not exist any more."""
        pool = self._pools.get(name)
        return None if pool is None else described([pool], describe)[0]


def uuids(objects: Iterable[Any]) -> frozenset[str]:
    """The UUIDs of domains or networks."""
    return frozenset(each.UUIDString() for each in objects)
