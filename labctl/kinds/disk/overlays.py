"""The overlays of a lab's disks and the running domains that use them, read once in a run before a disk is deleted."""

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


class Overlays:
    """The overlays in a pool and the users of files. Several threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._overlays: list[Facts] = []
        self._users: dict[str, list[Use]] | None = None

    def read_once(self, virt: libvirt.virConnect, pool: libvirt.virStoragePool) -> None:
        """Read the pool unless that was done. QEMU makes overlays, so libvirt knows them only after a refresh."""
        with self._lock:
            if self._users is None:
                pools.refresh(pool)
                self._overlays = [facts for facts in volumes.facts(pool) if facts.backing]
                self._users = disk_users.of_files(virt, running=True)

    def above(self, paths: Sequence[str]) -> list[Facts]:
        """The volumes of the pool that are based on the last of these paths, the lowest first.

        The other paths are overlays on it too, in any pool.
        """
        found = [each for each in self._overlays if each.path in paths[:-1]]
        going = [*paths, *(each.path for each in found)]
        for lower in going:  # the loop appends to this list
            more = [each for each in self._overlays if each.backing == lower and each not in found]
            found += more
            going += [each.path for each in more]
        return found

    def refuse_if_running(self, virt: libvirt.virConnect, paths: Iterable[str]) -> None:
        """LabctlError if a running domain uses one of these paths.

        The lab's own VMs were stopped or released their disks before.
        """
        for path in paths:
            for use in (self._users or {}).get(path, ()):
                if path in disk_users.now(virt, use):
                    raise LabctlError(
                        f"the domain {use.domain} runs on it",
                        hint=f"end it first: `virsh shutdown {use.domain}`",
                    )
