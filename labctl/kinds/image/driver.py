"""Fills the image store, through libvirt's API: upload, read back, and the marker last."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import replace, values
from labctl.host.files.digests import file_digest
from labctl.host.libvirt import pools, volumes
from labctl.host.libvirt.connection import translated
from labctl.kinds.image import sound
from labctl.kinds.image.content import Content, Part, changed, content, seldom
from labctl.kinds.image.spec import POOL, READABLE, ImageSpec
from labctl.kinds.image.store import ImageStore

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import libvirt

    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.host.host import Host
    from labctl.kinds.image.content import Progress
    from labctl.kinds.image.store import Looked

WAIT_S = 7200.0  # for another labctl that stores the same
REFRESH_S = 30.0


def lock_of(key: str) -> str:
    """What the lock of whoever stores or removes an image is called, among those of a host."""
    return f"image {key}"


class ImageDriver:
    """Has images in the store."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def create(self, step: StepOf[ImageSpec], tell: Teller) -> None:
        """Have it in the store."""
        spec = step.wanted
        with translated(str(spec.address)):
            await self.fetch(spec, tell.progress)

    update = create  # a damaged image is fetched or built again

    def delete(self, step: StepOf[ImageSpec], _tell: Teller) -> None:
        """Leave it: it is every lab's. `labctl image prune` removes what nobody needs."""

    async def fetch(self, spec: ImageSpec, progress: Progress) -> None:
        """Have the image in the store: nothing to do where it is sound, else fetched or built, and uploaded.

        One at a time for a key, also with other labctl processes. Downloads and builds take no turn of libvirt's, so
        that several run beside what else there is to do.

        Raises:
            LabctlError: it can't be had, or is refused.
        """
        with ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, self._held(spec, progress))
            looked = (await self._host.connection.call(ImageStore(self._host).look, {spec.key})).get(spec.key)
            if looked and not looked.wrong:
                return
            have = await asyncio.to_thread(stack.enter_context, content(spec, progress))
            if looked:
                _refuse_other(looked, have)
            await self._host.connection.call(self._fill, spec, have, progress)

    def _held(self, spec: ImageSpec, progress: Progress) -> AbstractContextManager[None]:
        waiting = partial(progress, "waiting for another labctl", 0, 0)
        return self._host.lock(lock_of(spec.key), wait_s=WAIT_S, waiting=waiting)

    def _fill(self, spec: ImageSpec, have: Content, progress: Progress) -> None:
        """Upload all parts, and the marker once they are read back."""
        conn = self._host.virt
        folder = self._folder()
        pool = pools.define(conn, POOL, folder)
        if self._host.local:
            pools.renewed(pool, folder)
        sound.forget(pool, spec.key)
        stamps = {part.volume: self._put(pool, part, progress) for part in have.parts}
        self._await_format(pool, spec, have)
        marker = {
            **values(replace(spec, wanted=None)),  # what was asked for may name files of this machine
            "format": have.format,
            "virtual_size": have.virtual_size,
            "digests": {part.volume: part.digest for part in have.parts},
        }
        data = json.dumps(marker).encode()
        volumes.delete(pool, f"{spec.key}.ok")
        volumes.upload(conn, pool, f"{spec.key}.ok", data, length=len(data), mode=READABLE)
        sound.record(conn, pool, spec.key, stamps)

    def _folder(self) -> str:
        """Where the store is, or is to be made."""
        pool = pools.find(self._host.virt, POOL)
        return pools.path(pool) if pool else str(self._host.pool_root / POOL)

    def _put(self, pool: libvirt.virStoragePool, part: Part, progress: Progress) -> str:
        """Upload a file and read it back: presence is not completeness. Gives the stamp of what was read."""
        conn, before = self._host.virt, part.file.stat()
        if part.of_user and f"sha256-{file_digest(part.file)}" != part.digest:
            raise changed(part)
        volumes.delete(pool, part.volume)
        with part.file.open("rb") as source:
            volumes.upload(
                conn,
                pool,
                part.volume,
                source,
                length=before.st_size,
                mode=READABLE,
                progress=seldom(lambda done, total: progress("uploading", done, total)),
            )
            source.seek(0)
            stamp = volumes.stamps(pool, [part.volume]).get(part.volume, "")
            verifying = seldom(lambda done, total: progress("verifying", done, total))
            whole = volumes.same(conn, pool, part.volume, source, verifying)
        after = part.file.stat()
        if not whole or (after.st_mtime_ns, after.st_size) != (before.st_mtime_ns, before.st_size):
            volumes.delete(pool, part.volume)
            raise changed(part)
        return stamp

    def _await_format(self, pool: libvirt.virStoragePool, spec: ImageSpec, have: Content) -> None:
        """Wait until libvirt has seen what it is: it looks in a thread of its own after an upload."""
        deadline = time.monotonic() + REFRESH_S
        while have.format == "qcow2" and time.monotonic() < deadline:
            if any(each.format == "qcow2" for each in volumes.facts(pool, {spec.volume})):
                return
            pools.refresh(pool)


def _refuse_other(damaged: Looked, have: Content) -> None:
    """Raise LabctlError where disks stand on an image and a new build of it differs: they would read nonsense."""
    new = {part.volume: part.digest for part in have.parts}
    if damaged.users and any(new.get(volume) != digest for volume, digest in damaged.digests.items()):
        raise LabctlError(
            f"it is damaged, and was not built the same again, so that {', '.join(damaged.users)} can't stand on it",
            hint="put the file back from a backup, or `labctl destroy` what stands on it",
        )
