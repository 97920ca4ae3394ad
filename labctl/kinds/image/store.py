"""The image store in libvirt: a directory pool that all labs share.

An image is complete when its marker `KEY.ok` is there, which is written last, after what the store holds was read back
and was right. Whatever lies there without a marker is of a run that was killed, and is made anew.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.core.record import fields_by_name, record
from labctl.host import lock, pools, volumes
from labctl.host.connection import translated
from labctl.host.dumps import described, dumps
from labctl.kinds.image.spec import POOL, ImageSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import libvirt

    from labctl.host.connection import Connection
    from labctl.kinds.image.content import Progress

PARTS = ("ok", "img", "vmlinuz", "initrd")  # the suffixes of an image's volumes; the marker goes first
WAIT_S = 120.0  # for a lab whose pool is stopped while it is at work
_INACTIVE = 2  # libvirt.VIR_DOMAIN_XML_INACTIVE


@record
class Stored:
    """A complete image in the store: the bytes that it takes, and what stands on it, as `labctl-shop/web.root`."""

    spec: ImageSpec
    bytes: int
    users: tuple[str, ...]
    digests: Mapping[str, str]  # of its volumes, as `sha256-HEX`


class ImageStore:
    """What is in the store, and what of it may go."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def observe(self, keys: Collection[str]) -> dict[str, ImageSpec]:
        """Those of the keys whose images are complete; a listing, and the small marker of each."""
        if not keys:
            return {}
        pool = pools.find(self._connection.virt, POOL)
        names = volumes.names(pool) if pool is not None else set()
        complete = sorted(key for key in keys if {f"{key}.ok", f"{key}.img"} <= names)
        markers = {key: self._marker(pool, key) for key in complete}
        return {key: _spec(marker) for key, marker in markers.items() if marker}

    def stored(self) -> list[Stored]:
        """Every image that is complete in the store, and what stands on it."""
        pool = pools.find(self._connection.virt, POOL)
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
                found.append(Stored(_spec(marker), bytes_, tuple(used_by), marker.get("digests") or {}))
        return found

    def leftovers(self) -> dict[str, int]:
        """What lies in the store without being part of a complete image, with bytes: of runs that were killed.

        A disk may stand on such a volume nevertheless, where someone removed the marker: then it is none.
        """
        pool = pools.find(self._connection.virt, POOL)
        if pool is None:
            return {}
        sizes = {each.name: each.allocation for each in volumes.facts(pool)}
        kept = {name.removesuffix(".ok") for name in sizes if name.endswith(".ok")}
        kept |= {name.rpartition(".")[0] for name in self._users(pools.path(pool))}
        return {name: size for name, size in sizes.items() if name.rpartition(".")[0] not in kept}

    def verify(self, stored: Stored, progress: Progress) -> dict[str, str]:
        """Read an image back; gives what is wrong by volume, nothing where all is well."""
        pool = pools.require(self._connection.virt, POOL)
        wrong = {}
        for volume, expected in sorted(stored.digests.items()):
            algorithm, _, digest = expected.partition("-")
            read = hashlib.new(algorithm)
            try:
                volumes.download_to(
                    self._connection.virt,
                    pool,
                    volume,
                    _Hashing(read),
                    progress=partial(progress, "verifying"),
                )
            except LabctlError as error:
                wrong[volume] = str(error)
                continue
            if read.hexdigest() != digest:
                wrong[volume] = f"its {algorithm} is {read.hexdigest()}, not {digest}"
        return wrong

    def delete(self, key: str) -> None:
        """Remove an image, its marker first. LabctlError, naming one, while something stands on it."""
        virt = self._connection.virt
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
        pool = pools.find(self._connection.virt, POOL)
        if pool is not None:
            volumes.delete(pool, volume)

    def _users(self, folder: str) -> dict[str, list[str]]:
        """What stands on each volume of the store: overlays of any pool, domains that boot a kernel of it."""
        virt = self._connection.virt
        users: dict[str, list[str]] = {}
        with translated():
            listed = virt.listAllStoragePools()
            for pool, there in zip(listed, described(listed, self._contents), strict=True):
                for each in there or ():
                    if each.backing and each.backing.startswith(f"{folder}/"):
                        users.setdefault(each.backing.rpartition("/")[2], []).append(
                            f"{pool.name()}/{each.name}"
                        )
            domains = virt.listAllDomains()
            for domain, text in zip(domains, dumps(domains, _INACTIVE), strict=True):
                for volume in _named_in(text, folder) if text else ():
                    users.setdefault(volume, []).append(f"domain {domain.name()}")
        return users

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
        prefix, name = identity.pool_name(""), pool.name()
        if not name.startswith(prefix):
            return []
        with lock.held(lock.of_lab(name.removeprefix(prefix), self._connection.uri), wait_s=WAIT_S):
            return volumes.facts(pools.started(pool))

    def _marker(self, pool: libvirt.virStoragePool, key: str) -> dict[str, Any] | None:
        """None when it can't be read: then the image counts as not complete."""
        import json  # a lab without images has none to read

        try:
            marker = json.loads(volumes.download(self._connection.virt, pool, f"{key}.ok"))
        except (LabctlError, ValueError):
            return None
        whole = isinstance(marker, dict) and marker.get("key") == key and isinstance(marker.get("label"), str)
        return marker if whole else None


class _Hashing:
    """A digest as a writer."""

    def __init__(self, digest: Any) -> None:
        self.write = digest.update


def _named_in(text: str, folder: str) -> set[str]:
    """The volumes of the store that a domain's XML names itself: its kernel, its initrd, or a disk."""
    from xml.etree import ElementTree as ET

    root = ET.fromstring(text)
    paths = [root.findtext("os/kernel"), root.findtext("os/initrd")]
    paths += [each.get("file") for each in root.iterfind("devices/disk/source")]
    return {path.rpartition("/")[2] for path in paths if path and path.startswith(f"{folder}/")}


def _spec(marker: dict[str, Any]) -> ImageSpec:
    spec = {name: marker[name] for name in fields_by_name(ImageSpec) if name in marker}
    return ImageSpec(**{**spec, "size": None if marker.get("blob") else marker.get("virtual_size")})
