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
    from collections.abc import Mapping, Sequence

    from labctl.host.host import Host
    from labctl.kinds.warm.spec import WarmSpec


@record
class StoredWarm:
    """A warm state in the store, and its users (`host.store_users`), as `labctl-shop/web.root`.

    It is not `finished` if a save was killed, or is under way.
    """

    warm: WarmSpec
    users: tuple[str, ...]
    finished: bool


def look(host: Host, *, held: str = "") -> list[StoredWarm]:
    """The warm states of all labs. `held` is the lab whose lock the caller holds."""
    store = pools.find(host.virt, identity.STORE)
    if store is None:
        return []
    every, unfinished = states.every(host.virt, store), states.unfinished(store)
    users = store_users.find(host, pools.path(store), held=held) if every or unfinished else {}
    return [
        *(StoredWarm(each, _users(each, users), finished=True) for each in every),
        *(StoredWarm(each, _users(each, users), finished=False) for each in unfinished),
    ]


def remove(host: Host, warm: WarmSpec) -> None:
    """Delete a warm state. The caller holds the lock of its lab.

    Raises:
        LabctlError: a disk or a domain uses it; then none of it is deleted.
    """
    store = pools.find(host.virt, identity.STORE)
    if store is None:
        return
    if users := _users(warm, store_users.find(host, pools.path(store), held=warm.lab)):
        hint = "`labctl destroy --warm` removes a lab and its warm state, `virsh vol-delete` what labctl did not make"
        raise LabctlError(f"{', '.join(users)} stands on it", hint=hint)
    states.delete(store, warm)


def _users(warm: WarmSpec, users: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    own = (names for volume, names in users.items() if volume.startswith(warm.volume("")))
    return tuple(sorted({user for names in own for user in names}))
