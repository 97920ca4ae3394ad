"""The warm states of all labs in a host's store, and what stands on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.host import store_users
from labctl.host.libvirt import pools
from labctl.kinds.warm import states

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from labctl.host.host import Host
    from labctl.kinds.warm.spec import WarmSpec


@record
class StoredWarm:
    """A warm state in the store, and its users (`host.store_users`), as `labctl-shop/web.root`."""

    warm: WarmSpec
    users: tuple[str, ...]


def look(host: Host, *, held: str = "", wait_s: float = store_users.WAIT_S) -> list[StoredWarm]:
    """The warm states of all labs, finished or not. `held` and `wait_s` are as for `store_users.find`."""
    store = pools.find(host.virt, identity.STORE)
    if store is None:
        return []
    found = [*states.every(host.virt, store), *states.unfinished(store)]
    users = store_users.find(host, pools.path(store), held=held, wait_s=wait_s) if found else {}
    return [StoredWarm(each, _users(each, users)) for each in found]


def remove(host: Host, found: Iterable[StoredWarm]) -> None:
    """Delete warm states. The caller holds the locks of their labs.

    Raises:
        LabctlError: a disk or a domain uses one; then nothing is deleted.
    """
    gone = tuple(found)
    if users := [user for each in gone for user in each.users]:
        hint = "`labctl destroy --warm` removes a lab and its warm state, `virsh vol-delete` what labctl did not make"
        raise LabctlError(f"{', '.join(users)} stands on it", hint=hint)
    store = pools.require(host.virt, identity.STORE)
    for each in gone:
        states.delete(store, each.warm)


def _users(warm: WarmSpec, users: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    own = (names for volume, names in users.items() if volume.startswith(warm.volume("")))
    return tuple(sorted({user for names in own for user in names}))
