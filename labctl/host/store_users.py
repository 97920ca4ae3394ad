"""Who uses the volumes of the image store: overlays in any pool, warm states in the store itself, and domains."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.core.xmltree import layers
from labctl.host.libvirt import pools, volumes
from labctl.host.libvirt.connection import translated
from labctl.host.libvirt.dumps import described, dumps
from labctl.host.machine import lock

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from labctl.host.host import Host

WAIT_S = 120.0
_WARM = "warm state of "


def find(host: Host, folder: str, *, held: str = "", wait_s: float = WAIT_S) -> dict[str, list[str]]:
    """Volume of the pool in a folder → its users.

    They are overlays (`labctl-shop/web.root`), the warm states that overlays in the store are part of
    (`warm state of shop`), and domains that have it as a disk, kernel or initrd (`domain shop.web`).

    Args:
        host: where to look. The stopped pools of labs are started for it, each under the lock of its lab.
        folder: that of the pool.
        held: the lab whose lock the caller holds.
        wait_s: how long to wait for another labctl that changes a lab whose pool is stopped.

    Raises:
        LabHeld: it still does.
    """
    users: dict[str, list[str]] = {}
    with translated(host.uri):
        for pool in host.virt.listAllStoragePools():
            # one at a time: `_contents` makes parallel calls itself
            (there,) = described([pool], lambda each: _contents(host, each, held, wait_s))
            for each in there or ():
                if each.backing and each.backing.startswith(f"{folder}/"):
                    users.setdefault(each.backing.rpartition("/")[2], []).append(_named(pool, each.name))
        for domain, named in _domains(host.virt, folder):
            for volume, itself in named.items():
                if itself or volume not in users:  # the overlay is the better name of the user
                    users.setdefault(volume, []).append(f"domain {domain}")
    return users


def standing(users: Mapping[str, Sequence[str]], names: Collection[str]) -> set[str]:
    """The users of these volumes and, in place of warm states, what stands on those; `users` is what `find` gave."""
    going, found = list(names), set[str]()
    for name in going:  # the loop appends to this list
        for user in users.get(name, ()):
            if is_warm_state(user):
                own = (
                    each
                    for each in users
                    if (part := identity.warm_part(each)) and warm_state(part[0]) == user
                )
                going += [each for each in own if each not in going]
            else:
                found.add(user)
    return found


def warm_state(lab: str) -> str:
    """What a lab's warm state is called as a user of volumes."""
    return f"{_WARM}{lab}"


def is_warm_state(user: str) -> bool:
    return user.startswith(_WARM)


def named_in(text: str, folder: str) -> dict[str, bool]:
    """Volume in a folder that a domain's XML names → True for a kernel, initrd or disk, False for a layer below."""
    root = ET.fromstring(text)
    disks = [layers(disk) for disk in root.iterfind("devices/disk")]
    found = {path: False for disk in disks for path in disk[1:]}
    found |= {path: True for disk in disks for path in disk[:1]}
    found |= dict.fromkeys(filter(None, (root.findtext("os/kernel"), root.findtext("os/initrd"))), True)
    return {
        path.rpartition("/")[2]: itself for path, itself in found.items() if path.startswith(f"{folder}/")
    }


def _named(pool: libvirt.virStoragePool, volume: str) -> str:
    warm = identity.warm_part(volume) if pool.name() == identity.STORE else None
    return warm_state(warm[0]) if warm else f"{pool.name()}/{volume}"


def _domains(virt: libvirt.virConnect, folder: str) -> Iterator[tuple[str, dict[str, bool]]]:
    """Each domain's name and the volumes in the folder that its XML names, live and persistent."""
    domains = virt.listAllDomains()
    for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE):
        for domain, text in zip(domains, dumps(domains, flags), strict=True):
            if text is not None:
                yield domain.name(), named_in(text, folder)


def _contents(host: Host, pool: libvirt.virStoragePool, held: str, wait_s: float) -> list[volumes.Facts]:
    """The volumes of a pool. A stopped pool of a lab still has its disks, so it is started to list them.

    It is started under the lab's lock: another labctl may be removing the pool.
    """
    if pool.isActive():
        try:
            return volumes.facts(pool)
        except LabctlError:
            if pool.isActive():
                raise
    lab = identity.lab_of_pool(pool.name())
    if lab is None:
        return []
    if lab == held:
        return volumes.facts(pools.started(pool))
    with host.lock(lock.lab_lock_name(lab), wait_s=wait_s):
        return volumes.facts(pools.started(pool))
