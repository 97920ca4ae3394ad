"""The image store in libvirt: a directory pool that all labs share, filled through the API.

An image is complete when its marker `KEY.ok` is there, which is written last, after what the store holds was read back
and had the right digest. Whatever lies there without a marker is of a run that was killed, and is made anew.
"""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from labctl.core.errors import LabctlError
from labctl.host import storage
from labctl.host.connection import translated
from labctl.kinds.image.resolve import resolve_name, resolve_path, resolve_url
from labctl.kinds.image.spec import POOL, ImageSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import libvirt

    from labctl.core.events import Teller
    from labctl.core.plan import Step
    from labctl.host.connection import Connection

    Progress = Callable[[str, int, int], None]  # what is done, bytes done, bytes in all (0: no bytes)

__all__ = ["ImageDriver", "ImageFacts", "resolve_name", "resolve_path", "resolve_url"]

READABLE = 0o644
WAIT_S = 7200.0  # for another labctl that stores the same
REFRESH_S = 30.0
TELL_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Where a stored image is on the libvirt host; the format is None for a blob, sizes are in bytes."""

    path: str
    format: str | None
    virtual_size: int
    kernel_path: str | None
    initrd_path: str | None


@dataclass(frozen=True, slots=True)
class _Part:
    """A file that goes into the store, and the digest that has to come out of it."""

    volume: str
    file: Path
    algorithm: str
    digest: str


@dataclass(frozen=True, slots=True)
class _Content:
    """What an image consists of; `format` and `virtual_size` are None and the file's for a blob."""

    parts: tuple[_Part, ...]
    format: str | None
    virtual_size: int


class ImageDriver:
    """Fills the store, and says what is in it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def observe(self, keys: Collection[str]) -> dict[str, ImageSpec]:
        """Those of the keys whose images are complete; a listing, and the small marker of each."""
        pool = storage.find_pool(self._connection.virt, POOL)
        names = storage.volume_names(pool) if pool is not None else set()
        complete = sorted(key for key in keys if {f"{key}.ok", f"{key}.img"} <= names)
        markers = {key: self._marker(pool, key) for key in complete}
        return {key: _spec(marker) for key, marker in markers.items() if marker}

    def create(self, step: Step, tell: Teller) -> None:
        """Have it in the store."""
        spec = cast("ImageSpec", step.after)
        with translated(str(spec.address)):
            self.store(spec, tell.progress)

    def store(self, spec: ImageSpec, progress: Progress) -> None:
        """Have the image in the store: nothing to do where it is complete, else fetched or built, and uploaded.

        One at a time for a key, also with other labctl processes. LabctlError when it can't be had or is refused.
        """
        from labctl.host import lock

        with lock.held(f"image {spec.key} on {self._connection.uri}", wait_s=WAIT_S):
            pool = storage.define_pool(self._connection.virt, POOL, self._folder())
            if spec.key in self.observe({spec.key}):
                return
            with _content(spec, progress) as content:
                for part in content.parts:
                    self._put(pool, part, progress)
            self._await_format(pool, spec, content)
            marker = {**asdict(spec), "format": content.format, "virtual_size": content.virtual_size}
            data = json.dumps(marker).encode()
            storage.delete_volume(pool, f"{spec.key}.ok")
            conn = self._connection.virt
            storage.upload(conn, pool, f"{spec.key}.ok", data, length=len(data), mode=READABLE)

    def facts(self, key: str) -> ImageFacts:
        """Where the parts of a complete image are. LabctlError when it isn't in the store."""
        pool = storage.find_pool(self._connection.virt, POOL)
        marker = self._marker(pool, key) if pool is not None else None
        if pool is None or marker is None:
            raise LabctlError("the image is not in the store", where=key, hint="`labctl up` fetches it again")
        folder, direct = storage.pool_path(pool), marker["direct"]
        return ImageFacts(
            path=f"{folder}/{key}.img",
            format=marker["format"],
            virtual_size=marker["virtual_size"],
            kernel_path=f"{folder}/{key}.vmlinuz" if direct else None,
            initrd_path=f"{folder}/{key}.initrd" if direct else None,
        )

    def delete(self, key: str) -> None:
        """Remove an image, its marker first. LabctlError, naming one, while overlays of any pool stand on it."""
        virt = self._connection.virt
        pool = storage.find_pool(virt, POOL)
        if pool is None:
            return
        user = self._user(f"{storage.pool_path(pool)}/{key}.img")
        if user:
            raise LabctlError(f"the image is in use by {user}", where=key, hint="destroy that lab first")
        for suffix in ("ok", "img", "vmlinuz", "initrd"):
            storage.delete_volume(pool, f"{key}.{suffix}")

    def _user(self, path: str) -> str:
        with translated():
            pools = self._connection.virt.listAllStoragePools()
        active = [pool for pool in pools if pool.isActive()]
        return next(
            (
                f"{pool.name()}/{each.name}"
                for pool in active
                for each in storage.volumes(pool)
                if each.backing == path
            ),
            "",
        )

    def _folder(self) -> str:
        """Where the store is, or is to be made."""
        pool = storage.find_pool(self._connection.virt, POOL)
        return storage.pool_path(pool) if pool else str(storage.pool_root(self._connection.virt) / POOL)

    def _marker(self, pool: libvirt.virStoragePool, key: str) -> dict[str, Any] | None:
        """None when it can't be read: then the image counts as not complete."""
        try:
            marker = json.loads(storage.download(self._connection.virt, pool, f"{key}.ok"))
        except (LabctlError, ValueError):
            return None
        return marker if isinstance(marker, dict) and marker.get("key") == key else None

    def _put(self, pool: libvirt.virStoragePool, part: _Part, progress: Progress) -> None:
        """Upload a file and read it back: presence is not completeness."""
        conn, size = self._connection.virt, part.file.stat().st_size
        storage.delete_volume(pool, part.volume)
        with part.file.open("rb") as source:
            storage.upload(
                conn,
                pool,
                part.volume,
                source,
                length=size,
                mode=READABLE,
                progress=_seldom(lambda done, total: progress("uploading", done, total)),
            )
        digest = _Digest(part.algorithm)
        verifying = _seldom(lambda done, total: progress("verifying", done, total))
        storage.download_to(conn, pool, part.volume, digest, progress=verifying)
        if digest.hex != part.digest:
            storage.delete_volume(pool, part.volume)
            raise LabctlError(
                f"wrong {part.algorithm} in the store: {digest.hex}, not {part.digest}",
                where=str(part.file),
                hint="was the file changed meanwhile? Then plan again",
            )

    def _await_format(self, pool: libvirt.virStoragePool, spec: ImageSpec, content: _Content) -> None:
        """Wait until libvirt has seen what it is: it looks in a thread of its own after an upload."""
        deadline = time.monotonic() + REFRESH_S
        while content.format == "qcow2" and time.monotonic() < deadline:
            if any(each.format == "qcow2" for each in storage.volumes(pool, {spec.volume})):
                return
            storage.refresh(pool)


class _Digest:
    """A writer that only counts its digest."""

    def __init__(self, algorithm: str) -> None:
        self._hash = hashlib.new(algorithm)
        self.write = self._hash.update

    @property
    def hex(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def _content(spec: ImageSpec, progress: Progress) -> Iterator[_Content]:
    """The image's files on this machine, checked; a download is dropped once the store has it."""
    if spec.source == "build":
        yield _built(spec, progress)
    elif spec.source == "url":
        file = _downloaded(spec, progress)
        yield _single(spec, file)
        file.unlink(missing_ok=True)
    else:
        yield _single(spec, Path(spec.origin))


def _single(spec: ImageSpec, file: Path) -> _Content:
    from labctl.host import qcow2

    header = None if spec.blob else qcow2.inspect(file)
    algorithm, _, digest = spec.key.partition("-")
    parts = (_Part(spec.volume, file, algorithm, digest),)
    return (
        _Content(parts, header.format, header.virtual_size)
        if header
        else _Content(parts, None, file.stat().st_size)
    )


def _downloaded(spec: ImageSpec, progress: Progress) -> Path:
    from labctl.host.download import Source, fetch

    algorithm, _, digest = spec.key.partition("-")
    downloading = _seldom(lambda done, total: progress("downloading", done, total))
    return fetch(Source(spec.origin, algorithm, digest), downloading)


def _built(spec: ImageSpec, progress: Progress) -> _Content:
    from labctl.host import build, qcow2

    recipe = build.recipe_of(spec.origin, spec.key)
    built = build.build(recipe, lambda text: progress(text, 0, 0), pinned=spec.key)
    header = qcow2.inspect(built.folder / build.IMAGE)
    names = ((spec.volume, build.IMAGE), (spec.kernel, build.KERNEL), (spec.initrd, build.INITRD))
    parts = tuple(_Part(volume, built.folder / name, "sha256", built.digests[name]) for volume, name in names)
    return _Content(parts, header.format, header.virtual_size)


def _spec(marker: dict[str, Any]) -> ImageSpec:
    known = {each.name for each in fields(ImageSpec)}
    spec = {name: value for name, value in marker.items() if name in known}
    return ImageSpec(**{**spec, "size": None if marker.get("blob") else marker.get("virtual_size")})


def _seldom(tell: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Pass progress on a few times a second, and the end: people read it, and events cost."""
    last = 0.0

    def told(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= TELL_EVERY_S:
            last = now
            tell(done, total)

    return told
