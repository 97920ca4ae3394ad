"""The driver of images, which uploads them into the store: the volumes, which are read back, and the marker last."""

from __future__ import annotations

import asyncio
import json
import os
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import replace, values
from labctl.host.libvirt import pools, volumes
from labctl.host.libvirt.connection import translated
from labctl.kinds.image import integrity
from labctl.kinds.image.content import Content, StoreFile, content, throttled
from labctl.kinds.image.spec import POOL, PRIVATE, READABLE, ImageSpec
from labctl.kinds.image.store import ImageStore

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import libvirt

    from labctl.core.events import Teller
    from labctl.core.plan import StepOf
    from labctl.host.host import Host
    from labctl.kinds.image.content import Progress
    from labctl.kinds.image.store import CheckedImage

WAIT_S = 7200.0  # how long to wait while another labctl stores the same image
REFRESH_S = 30.0


def lock_of(key: str) -> str:
    """The name of the lock that a process holds while it stores or removes an image, among those of a host."""
    return f"image {key}"


class ImageDriver:
    """Stores images."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def create(self, step: StepOf[ImageSpec], tell: Teller) -> None:
        """Store the image."""
        spec = step.wanted
        with translated(str(spec.address)):
            await self.fetch(spec, tell.progress)

    update = create  # a damaged image is fetched or built again

    def delete(self, step: StepOf[ImageSpec], _tell: Teller) -> None:
        """Do nothing: other labs use the image too. `labctl image prune` removes images that no lab needs."""

    async def fetch(self, spec: ImageSpec, progress: Progress) -> None:
        """Download or build an image and upload it, unless the store has it undamaged.

        One process at a time does this for a key. Downloads and builds occupy none of the connection's threads, so that
        several run beside other steps.

        Raises:
            LabctlError: the image can't be downloaded, built or stored, or it is refused.
        """
        with ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, self._held(spec, progress))
            looked = (await self._host.connection.call(self._look, spec)).get(spec.key)
            if looked and not looked.wrong:
                return
            have = await asyncio.to_thread(stack.enter_context, content(spec, progress))
            if looked:
                _refuse_other(spec, looked, have)
            await self._host.connection.call(self._fill, spec, have, progress)

    def _look(self, spec: ImageSpec) -> dict[str, CheckedImage]:
        return ImageStore(self._host, spec.pool).look({spec.key})

    def _held(self, spec: ImageSpec, progress: Progress) -> AbstractContextManager[None]:
        waiting = partial(progress, "waiting for another labctl", 0, 0)
        return self._host.lock(lock_of(spec.key), wait_s=WAIT_S, waiting=waiting)

    def _fill(self, spec: ImageSpec, have: Content, progress: Progress) -> None:
        """Upload all volumes, and the marker once they have been read back."""
        conn = self._host.virt
        pool = self._host.pool(spec.pool) if spec.lab else self._store()
        integrity.forget_stamps(pool, spec.key)
        mode = PRIVATE if spec.private else READABLE
        stamps = {each.volume: self._put(pool, each, mode, progress) for each in have.files}
        self._await_format(pool, spec, have)
        marker = {
            **values(replace(spec, wanted=None)),  # the `build:` may name files of this machine
            "format": have.format,
            "virtual_size": have.virtual_size,
            "digests": {each.volume: each.digest for each in have.files},
        }
        data = json.dumps(marker).encode()
        volumes.delete(pool, f"{spec.key}.ok")
        volumes.upload(conn, pool, f"{spec.key}.ok", data, length=len(data), mode=mode)
        integrity.record_stamps(conn, pool, spec.key, stamps)

    def _store(self) -> libvirt.virStoragePool:
        """The store's pool, which is made where it is missing."""
        pool = pools.find(self._host.virt, POOL)
        folder = pools.path(pool) if pool else str(self._host.pool_root / POOL)
        pool = pools.define(self._host.virt, POOL, folder)
        if self._host.local:
            pools.renewed(pool, folder)
        return pool

    def _put(self, pool: libvirt.virStoragePool, stored: StoreFile, mode: int, progress: Progress) -> str:
        """Upload a file, read it back to be sure that it is complete, and return the stamps of the volume."""
        conn = self._host.virt
        volumes.delete(pool, stored.volume)
        with stored.file.open("rb") as source:
            volumes.upload(
                conn,
                pool,
                stored.volume,
                source,
                length=os.fstat(source.fileno()).st_size,
                mode=mode,
                progress=throttled(lambda done, total: progress("uploading", done, total)),
            )
            source.seek(0)
            stamp = volumes.stamps(pool, [stored.volume]).get(stored.volume, "")
            verifying = throttled(lambda done, total: progress("verifying", done, total))
            whole = volumes.same(conn, pool, stored.volume, source, verifying)
        if not whole:
            volumes.delete(pool, stored.volume)
            raise LabctlError("the store has something else than was sent to it", hint="is its disk sound?")
        return stamp

    def _await_format(self, pool: libvirt.virStoragePool, spec: ImageSpec, have: Content) -> None:
        """Wait until libvirt has detected the volume's format, which a thread of libvirt's does after an upload."""
        deadline = time.monotonic() + REFRESH_S
        while have.format == "qcow2" and time.monotonic() < deadline:
            if any(each.format == "qcow2" for each in volumes.facts(pool, {spec.volume})):
                return
            pools.refresh(pool)


def _refuse_other(spec: ImageSpec, damaged: CheckedImage, have: Content) -> None:
    """LabctlError if a damaged image is not the same again.

    Disks that are based on it would be lost. And what lies beside a file need not be the kernel that belongs to it.
    """
    new = {each.volume: each.digest for each in have.files}
    if spec.source == "path" and new != dict(damaged.digests):
        raise LabctlError("it is damaged, and what is here is not the same", hint="import or build it again")
    if damaged.users and any(new.get(volume) != digest for volume, digest in damaged.digests.items()):
        raise LabctlError(
            f"it is damaged, and was not built the same again, so that {', '.join(damaged.users)} can't stand on it",
            hint="put the file back from a backup, or `labctl destroy` what stands on it",
        )
