"""The image store in libvirt: a directory pool that all labs share.

An image is complete when its marker `KEY.ok` is there, which is written last, after what the store holds was read back
and was right. Whatever lies there without a marker is of a run that was killed, and is made anew.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import libvirt

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.core.record import fields_by_name, record, replace
from labctl.core.xmltree import layers
from labctl.host.libvirt import pools, volumes
from labctl.host.libvirt.connection import translated
from labctl.host.libvirt.dumps import described, dumps
from labctl.host.machine import lock
from labctl.kinds.image import sound
from labctl.kinds.image.spec import POOL, ImageSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from labctl.host.host import Host
    from labctl.kinds.image.content import Progress

PARTS = ("seen", "ok", "img", "vmlinuz", "initrd")  # the suffixes of an image's volumes; the marks go first
WAIT_S = 120.0  # for a lab whose pool is stopped while it is at work


@record
class Stored:
    """A complete image in the store: the bytes that it takes, and what stands on it, as `labctl-shop/web.root`.

    `state` is `missing`, `damaged` or `changed` where its files do not look as they did when they were verified.
    """

    spec: ImageSpec
    bytes: int
    users: tuple[str, ...]
    digests: Mapping[str, str]  # of its volumes, as `sha256-HEX`
    state: str = ""


@record
class Looked:
    """An image that the store has: what is `wrong` by volume, nothing where it is sound.

    Of one that is damaged also what stands on it, and whether any of that runs.
    """

    spec: ImageSpec
    wrong: Mapping[str, str]
    digests: Mapping[str, str]
    users: tuple[str, ...] = ()
    running: bool = False


class ImageStore:
    """What is in the store, and what of it may go."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def observe(self, keys: Collection[str]) -> dict[str, ImageSpec]:
        """Those of the keys whose images are complete and sound."""
        return {key: looked.spec for key, looked in self.look(keys).items() if not looked.wrong}

    def look(self, keys: Collection[str]) -> dict[str, Looked]:
        """Those of the keys which the store has, or had; files that changed since they were verified are read again.

        A listing, and for each the two small marks and the stamps of its files.
        """
        pool = pools.find(self._host.virt, POOL) if keys else None
        names = volumes.names(pool) if pool is not None else set()
        found = {}
        for key in sorted(key for key in keys if f"{key}.ok" in names):
            marker = self._marker(pool, key)
            if marker is not None:
                digests = marker.get("digests") or {}
                wrong = sound.wrong(self._host.virt, pool, key, digests)
                spec = replace(_spec(marker), sound=not wrong)
                found[key] = Looked(spec, wrong, digests, *(self._standing(pool, digests) if wrong else ()))
        return found

    def _standing(self, pool: libvirt.virStoragePool, names: Collection[str]) -> tuple[tuple[str, ...], bool]:
        """What stands on these volumes of the store, as `Stored` has it, and whether a domain runs on them."""
        folder = pools.path(pool)
        users = self._users(folder)
        active = self._host.virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
        runs = any(text and _named_in(text, folder).keys() & set(names) for text in dumps(active))
        return tuple(sorted({user for name in names for user in users.get(name, ())})), runs

    def stored(self) -> list[Stored]:
        """Every image that is complete in the store, and what stands on it."""
        pool = pools.find(self._host.virt, POOL)
        if pool is None:
            return []
        sizes = {each.name: each.allocation for each in volumes.facts(pool)}
        users = self._users(pools.path(pool))
        found = []
        for name in sorted(sizes):
            key, dot, suffix = name.rpartition(".")
            marker = self._marker(pool, key) if dot and suffix == "ok" else None
            if marker is not None:
                mine = {f"{key}.{part}" for part in PARTS}
                bytes_ = sum(size for each, size in sizes.items() if each in mine)
                used_by = sorted({user for each in mine for user in users.get(each, ())})
                digests = marker.get("digests") or {}
                state = self._state(pool, key, digests)
                found.append(Stored(_spec(marker), bytes_, tuple(used_by), digests, state))
        return found

    def states(self, keys: Collection[str]) -> dict[str, tuple[ImageSpec, str]]:
        """Those of the keys whose images do not look as they did when they were verified.

        No file is read for it, and no pool started.
        """
        pool = pools.lookup(self._host.virt, POOL) if keys else None
        if pool is None or not pool.isActive():
            return {}
        markers = {key: marker for key in sorted(keys) if (marker := self._marker(pool, key))}
        states = {key: self._state(pool, key, each.get("digests") or {}) for key, each in markers.items()}
        return {key: (_spec(markers[key]), state) for key, state in states.items() if state}

    def _state(self, pool: libvirt.virStoragePool, key: str, digests: Mapping[str, str]) -> str:
        seen = sound.read(self._host.virt, pool, key)
        return sound.apparent(seen, volumes.stamps(pool, digests), digests)

    def leftovers(self) -> dict[str, int]:
        """What lies in the store without being part of a complete image, with bytes: of runs that were killed.

        A disk may stand on such a volume nevertheless, where someone removed the marker: then it is none.
        """
        pool = pools.find(self._host.virt, POOL)
        if pool is None:
            return {}
        sizes = {each.name: each.allocation for each in volumes.facts(pool)}
        kept = {name.removesuffix(".ok") for name in sizes if name.endswith(".ok")}
        kept |= {name.rpartition(".")[0] for name in self._users(pools.path(pool))}
        return {name: size for name, size in sizes.items() if name.rpartition(".")[0] not in kept}

    def verify(self, stored: Stored, progress: Progress) -> dict[str, str]:
        """Read an image back; gives what is wrong by volume, nothing where all is well. What is found is recorded."""
        virt = self._host.virt
        pool, key = self._host.pool(POOL), stored.spec.key
        stamps = volumes.stamps(pool, stored.digests)
        wrong = sound.damage(virt, pool, dict(sorted(stored.digests.items())), progress)
        sound.record(virt, pool, key, stamps | dict.fromkeys(wrong, sound.WRONG))
        return wrong

    def delete(self, key: str) -> None:
        """Remove an image, its marker first. LabctlError, naming one, while something stands on it."""
        virt = self._host.virt
        pool = pools.find(virt, POOL)
        if pool is None:
            return
        users = self._users(pools.path(pool))
        used_by = next((users[f"{key}.{part}"][0] for part in PARTS if users.get(f"{key}.{part}")), None)
        if used_by:
            raise LabctlError(f"the image is in use by {used_by}", where=key, hint="destroy that lab first")
        for part in PARTS:
            self.drop(f"{key}.{part}")

    def drop(self, volume: str) -> None:
        pool = pools.find(self._host.virt, POOL)
        if pool is not None:
            volumes.delete(pool, volume)

    def _users(self, folder: str) -> dict[str, list[str]]:
        """What stands on each volume of the store: overlays of any pool, domains that boot a kernel of it."""
        virt = self._host.virt
        users: dict[str, list[str]] = {}
        with translated(self._host.uri):
            for pool in virt.listAllStoragePools():
                (there,) = described([pool], self._contents)  # which has calls in flight of its own
                for each in there or ():
                    if each.backing and each.backing.startswith(f"{folder}/"):
                        users.setdefault(each.backing.rpartition("/")[2], []).append(
                            f"{pool.name()}/{each.name}"
                        )
            for domain, named in self._domains(folder):
                for volume, itself in named.items():
                    if itself or volume not in users:  # else the overlay tells it better
                        users.setdefault(volume, []).append(f"domain {domain}")
        return users

    def _domains(self, folder: str) -> Iterator[tuple[str, dict[str, bool]]]:
        """The volumes of the store that domains have, as they run and as they are defined."""
        domains = self._host.virt.listAllDomains()
        for flags in (0, libvirt.VIR_DOMAIN_XML_INACTIVE):
            for domain, text in zip(domains, dumps(domains, flags), strict=True):
                if text is not None:
                    yield domain.name(), _named_in(text, folder)

    def _contents(self, pool: libvirt.virStoragePool) -> list[volumes.Facts]:
        """The volumes of a pool that can be looked into: in a lab's that someone stopped the disks are still there.

        It is started for that once its lab is not at work any more: till then it may be on its way out.
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
        with self._host.lock(lock.lab_lock_name(lab), wait_s=WAIT_S):
            return volumes.facts(pools.started(pool))

    def _marker(self, pool: libvirt.virStoragePool, key: str) -> dict[str, Any] | None:
        """None when it can't be read: then the image counts as not complete."""
        try:
            marker = json.loads(volumes.download(self._host.virt, pool, f"{key}.ok"))
        except (LabctlError, ValueError):
            return None
        whole = isinstance(marker, dict) and marker.get("key") == key and isinstance(marker.get("label"), str)
        return marker if whole else None


def _named_in(text: str, folder: str) -> dict[str, bool]:
    """The volumes of the store that a domain's XML names: True for a kernel, initrd or disk, False below a disk."""
    root = ET.fromstring(text)
    disks = [layers(disk) for disk in root.iterfind("devices/disk")]
    found = {path: False for disk in disks for path in disk[1:]}
    found |= {path: True for disk in disks for path in disk[:1]}
    found |= dict.fromkeys(filter(None, (root.findtext("os/kernel"), root.findtext("os/initrd"))), True)
    return {
        path.rpartition("/")[2]: itself for path, itself in found.items() if path.startswith(f"{folder}/")
    }


def _spec(marker: dict[str, Any]) -> ImageSpec:
    spec = {name: marker[name] for name in fields_by_name(ImageSpec) if name in marker}
    return ImageSpec(**{**spec, "size": None if marker.get("blob") else marker.get("virtual_size")})
