"""The overlays of disks, and the domains that run on them: looked at once a run, before the first disk is deleted."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.host.libvirt import disk_users, pools, volumes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import libvirt

    from labctl.host.libvirt.disk_users import Use
    from labctl.host.libvirt.volumes import Facts


class Ground:
    """The result of that one look; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._every: list[Facts] = []
        self._users: dict[str, list[Use]] | None = None

    def look(self, virt: libvirt.virConnect, pool: libvirt.virStoragePool) -> None:
        """Look once; overlays are QEMU's work, which libvirt sees when the pool is refreshed."""
        with self._lock:
            if self._users is None:
                pools.refresh(pool)
                self._every = [facts for facts in volumes.facts(pool) if facts.backing]
                self._users = disk_users.of_files(virt, running=True)

    def overlays(self, paths: Sequence[str]) -> list[Facts]:
        """The volumes of the pool that stand on the last of these paths; so do the others, wherever they are."""
        found = [each for each in self._every if each.path in paths[:-1]]
        going = [*paths, *(each.path for each in found)]
        for lower in going:  # which grows meanwhile
            more = [each for each in self._every if each.backing == lower and each not in found]
            found += more
            going += [each.path for each in more]
        return found

    def refuse(self, virt: libvirt.virConnect, paths: Iterable[str]) -> None:
        """Raise LabctlError where a domain runs on one of these.

        Those of the lab were ended before their disks go, or let go of them.
        """
        for path in paths:
            for use in (self._users or {}).get(path, ()):
                if path in disk_users.now(virt, use):
                    raise LabctlError(
                        f"the domain {use.domain} runs on it",
                        hint=f"end it first: `virsh shutdown {use.domain}`",
                    )
