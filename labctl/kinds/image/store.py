"""The image store in libvirt: a directory pool that all labs share, or that of a lab, which has its kernels.

An image is complete once it has its marker `KEY.ok`, which is written last, after the volumes were read back and were
right. Volumes without a marker are from a run that was killed, and are made again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.core.record import fields_by_name, record, replace
from labctl.host import store_users
from labctl.host.libvirt import pools, volumes
from labctl.host.libvirt.dumps import dumps
from labctl.kinds.image import integrity
from labctl.kinds.image.spec import POOL, ImageSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from labctl.host.host import Host
    from labctl.kinds.image.content import Progress

PARTS = ("seen", "ok", "img", "vmlinuz", "initrd")  # the suffixes of an image's volumes; the marks go first


@record
class StoredImage:
    """A complete image in the store: its size in bytes, and what is based on it (`host.store_users`).

    `state` is `missing`, `damaged` or `changed` if its volumes' stamps differ from those when they were verified.
    """

    spec: ImageSpec
    bytes: int
    users: tuple[str, ...]
    digests: Mapping[str, str]  # of its volumes, as `sha256-HEX`
    state: str = ""


@record
class CheckedImage:
    """An image of the store that was checked: volume → what is `wrong` with it, empty if the image is sound.

    For a damaged image, `users` are the disks based on it, itself or by a warm state, and domains that boot from it;
    `running` says whether a VM runs on any of that.
    """

    spec: ImageSpec
    wrong: Mapping[str, str]
    digests: Mapping[str, str]
    users: tuple[str, ...] = ()
    running: bool = False


class ImageStore:
    """The images in the store: they are listed, checked and deleted. `pool` may be that of a lab, for its kernels."""

    def __init__(self, host: Host, pool: str = POOL) -> None:
        self._host = host
        self._pool = pool

    def observe(self, keys: Collection[str]) -> dict[str, ImageSpec]:
        """Key → spec of the images that are complete and sound."""
        return {key: looked.spec for key, looked in self.look(keys).items() if not looked.wrong}

    def look(self, keys: Collection[str]) -> dict[str, CheckedImage]:
        """Check images: key → result. Keys of which the store has no complete image are left out.

        Volumes that changed since they were verified are read again. For others, a listing of the pool, the stamps, and
        two small volumes of each image are enough.
        """
        pool = pools.find(self._host.virt, self._pool) if keys else None
        names = volumes.names(pool) if pool is not None else set()
        found = {}
        for key in sorted(key for key in keys if f"{key}.ok" in names):
            marker = self._marker(pool, key)
            if marker is not None:
                digests = marker.get("digests") or {}
                wrong = integrity.find_damage(self._host.virt, pool, key, digests)
                spec = replace(_spec(marker), sound=not wrong)
                found[key] = CheckedImage(
                    spec, wrong, digests, *(self._users_and_running(pool, digests) if wrong else ())
                )
        return found

    def _users_and_running(
        self, pool: libvirt.virStoragePool, names: Collection[str]
    ) -> tuple[tuple[str, ...], bool]:
        """What would be lost with these volumes of the store, and whether a running domain uses one.

        A warm state would not: its lab boots.
        """
        folder = pools.path(pool)
        users = store_users.find(self._host, folder)
        active = self._host.virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
        runs = any(text and store_users.named_in(text, folder).keys() & set(names) for text in dumps(active))
        return tuple(sorted(store_users.standing(users, names))), runs

    def stored(self) -> list[StoredImage]:
        """All complete images in the store."""
        pool = pools.find(self._host.virt, self._pool)
        if pool is None:
            return []
        sizes = _sizes(pool)
        users = store_users.find(self._host, pools.path(pool))
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
                found.append(StoredImage(_spec(marker), bytes_, tuple(used_by), digests, state))
        return found

    def states(self, keys: Collection[str]) -> dict[str, tuple[ImageSpec, str]]:
        """Key → spec and state of the images whose stamps differ from those when they were verified.

        No image is read, and no pool is started.
        """
        pool = pools.lookup(self._host.virt, self._pool) if keys else None
        if pool is None or not pool.isActive():
            return {}
        markers = {key: marker for key in sorted(keys) if (marker := self._marker(pool, key))}
        states = {key: self._state(pool, key, each.get("digests") or {}) for key, each in markers.items()}
        return {key: (_spec(markers[key]), state) for key, state in states.items() if state}

    def _state(self, pool: libvirt.virStoragePool, key: str, digests: Mapping[str, str]) -> str:
        seen = integrity.recorded_stamps(self._host.virt, pool, key)
        return integrity.apparent_state(seen, volumes.stamps(pool, digests), digests)

    def leftovers(self) -> dict[str, int]:
        """Volume → size in bytes of the volumes that belong to no complete image, as of runs that were killed.

        A volume on which a disk is based is not among them, even if someone removed the image's marker. Nor are the
        volumes of warm states.
        """
        pool = pools.find(self._host.virt, self._pool)
        if pool is None:
            return {}
        sizes = _sizes(pool)
        kept = {name.removesuffix(".ok") for name in sizes if name.endswith(".ok")}
        kept |= {name.rpartition(".")[0] for name in store_users.find(self._host, pools.path(pool))}
        return {name: size for name, size in sizes.items() if name.rpartition(".")[0] not in kept}

    def verify(self, stored: StoredImage, progress: Progress) -> dict[str, str]:
        """Read an image and record the result: volume → what is wrong with it, empty if the image is sound."""
        virt = self._host.virt
        pool, key = self._host.pool(self._pool), stored.spec.key
        stamps = volumes.stamps(pool, stored.digests)
        wrong = integrity.verify(virt, pool, dict(sorted(stored.digests.items())), progress)
        integrity.record_stamps(virt, pool, key, stamps | dict.fromkeys(wrong, integrity.KNOWN_DAMAGED))
        return wrong

    def delete(self, key: str) -> None:
        """Delete an image, its marker first. LabctlError if a disk or a domain uses it; the error names one."""
        virt = self._host.virt
        pool = pools.find(virt, self._pool)
        if pool is None:
            return
        users = store_users.find(self._host, pools.path(pool))
        used_by = next((users[f"{key}.{part}"][0] for part in PARTS if users.get(f"{key}.{part}")), None)
        if used_by:
            raise in_use(used_by, where=key)
        for part in PARTS:
            self.drop(f"{key}.{part}")

    def drop(self, volume: str) -> None:
        pool = pools.find(self._host.virt, self._pool)
        if pool is not None:
            volumes.delete(pool, volume)

    def _marker(self, pool: libvirt.virStoragePool, key: str) -> dict[str, Any] | None:
        """The content of an image's marker; None if it can't be read, so that the image does not count as complete."""
        try:
            marker = json.loads(volumes.download(self._host.virt, pool, f"{key}.ok"))
        except (LabctlError, ValueError):
            return None
        whole = isinstance(marker, dict) and marker.get("key") == key and isinstance(marker.get("label"), str)
        return marker if whole else None


def _sizes(pool: libvirt.virStoragePool) -> dict[str, int]:
    """Volume → size in bytes of all volumes but those of warm states, whose disks may have the names of an image."""
    return {each.name: each.allocation for each in volumes.facts(pool) if not identity.warm_part(each.name)}


def in_use(user: str, where: str) -> LabctlError:
    """The error about an image that is not removed."""
    hint = "destroy that lab first"
    if store_users.is_warm_state(user):
        hint = "`labctl destroy --warm` removes that of its lab, `labctl image prune` those on which no disk stands"
    return LabctlError(f"the image is in use by {user}", where=where, hint=hint)


def _spec(marker: dict[str, Any]) -> ImageSpec:
    spec = {name: marker[name] for name in fields_by_name(ImageSpec) if name in marker}
    return ImageSpec(**{**spec, "size": None if marker.get("blob") else marker.get("virtual_size")})
