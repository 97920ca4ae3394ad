"""The image store in libvirt: a directory pool that all labs share, filled through the API.

An image is complete when its marker `KEY.ok` is there, which is written last, after what the store holds was read back
and had the right digest. Whatever lies there without a marker is of a run that was killed, and is made anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from xml.etree import ElementTree as ET

from labctl.core.errors import LabctlError
from labctl.host import storage
from labctl.host.connection import translated
from labctl.kinds.image.resolve import (
    file_digest,
    made_by,
    pinned,
    resolve_build,
    resolve_name,
    resolve_path,
    resolve_url,
)
from labctl.kinds.image.spec import POOL, ImageSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from contextlib import AbstractContextManager

    import libvirt

    from labctl.core.events import Teller
    from labctl.core.plan import Step
    from labctl.host.connection import Connection

    Progress = Callable[[str, int, int], None]  # what is done, bytes done, bytes in all (0: no bytes)

__all__ = [
    "ImageDriver",
    "ImageFacts",
    "Stored",
    "made_by",
    "pinned",
    "resolve_build",
    "resolve_name",
    "resolve_path",
    "resolve_url",
]

READABLE = 0o644
PARTS = ("ok", "img", "vmlinuz", "initrd")  # the suffixes of an image's volumes; the marker goes first
_INACTIVE = 2  # libvirt.VIR_DOMAIN_XML_INACTIVE
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
class Stored:
    """A complete image in the store: the bytes that it takes, and what stands on it, as `labctl-shop/web.root`."""

    spec: ImageSpec
    bytes: int
    users: tuple[str, ...]
    digests: Mapping[str, str]  # of its volumes, as `sha256-HEX`


@dataclass(frozen=True, slots=True)
class _Part:
    """A file that goes into the store, and its digest, as `sha256-HEX`; one `of_user` may change under our hands."""

    volume: str
    file: Path
    digest: str
    of_user: bool = False


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

    async def create(self, step: Step, tell: Teller) -> None:
        """Have it in the store."""
        spec = cast("ImageSpec", step.after)
        with translated(str(spec.address)):
            await self.store(spec, tell.progress)

    async def store(self, spec: ImageSpec, progress: Progress) -> None:
        """Have the image in the store: nothing to do where it is complete, else fetched or built, and uploaded.

        One at a time for a key, also with other labctl processes. Downloads and builds take no turn of libvirt's, so
        that several run beside what else there is to do.

        Raises:
            LabctlError: it can't be had, or is refused.
        """
        with ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, self._held(spec, progress))
            if await self._connection.call(self.observe, {spec.key}):
                return
            content = await asyncio.to_thread(stack.enter_context, _content(spec, progress))
            await self._connection.call(self._fill, spec, content, progress)

    def _held(self, spec: ImageSpec, progress: Progress) -> AbstractContextManager[None]:
        from labctl.host import lock

        what = f"image {spec.key} on {self._connection.uri}"
        return lock.held(what, wait_s=WAIT_S, waiting=lambda: progress("waiting for another labctl", 0, 0))

    def _fill(self, spec: ImageSpec, content: _Content, progress: Progress) -> None:
        """Upload all parts, and the marker once they are read back."""
        conn = self._connection.virt
        pool = storage.define_pool(conn, POOL, self._folder())
        for part in content.parts:
            self._put(pool, part, progress)
        self._await_format(pool, spec, content)
        marker = {
            **asdict(replace(spec, wanted=None)),  # what was asked for may name files of this machine
            "format": content.format,
            "virtual_size": content.virtual_size,
            "digests": {part.volume: part.digest for part in content.parts},
        }
        data = json.dumps(marker).encode()
        storage.delete_volume(pool, f"{spec.key}.ok")
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

    def stored(self) -> list[Stored]:
        """Every image that is complete in the store, and what stands on it."""
        pool = storage.find_pool(self._connection.virt, POOL)
        if pool is None:
            return []
        sizes = {each.name: each.allocation for each in storage.volumes(pool)}
        users = self._users(storage.pool_path(pool))
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
        """What lies in the store without being part of a complete image, with bytes: of runs that were killed."""
        pool = storage.find_pool(self._connection.virt, POOL)
        sizes = {each.name: each.allocation for each in storage.volumes(pool)} if pool else {}
        complete = {name.removesuffix(".ok") for name in sizes if name.endswith(".ok")}
        return {name: size for name, size in sizes.items() if name.rpartition(".")[0] not in complete}

    def verify(self, stored: Stored, progress: Progress) -> dict[str, str]:
        """Read an image back; gives what is wrong by volume, nothing where all is well."""
        pool = storage.require_pool(self._connection.virt, POOL)
        wrong = {}
        for volume, expected in sorted(stored.digests.items()):
            algorithm, _, digest = expected.partition("-")
            read = hashlib.new(algorithm)
            try:
                storage.download_to(
                    self._connection.virt,
                    pool,
                    volume,
                    _Hashing(read),
                    progress=_seldom(partial(progress, "verifying")),
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
        pool = storage.find_pool(virt, POOL)
        if pool is None:
            return
        users = self._users(storage.pool_path(pool))
        used_by = next((users[f"{key}.{part}"][0] for part in PARTS if users.get(f"{key}.{part}")), None)
        if used_by:
            raise LabctlError(f"the image is in use by {used_by}", where=key, hint="destroy that lab first")
        for part in PARTS:
            self.drop(f"{key}.{part}")

    def drop(self, volume: str) -> None:
        pool = storage.find_pool(self._connection.virt, POOL)
        if pool is not None:
            storage.delete_volume(pool, volume)

    def _users(self, folder: str) -> dict[str, list[str]]:
        """What stands on each volume of the store: overlays of any pool, domains that boot a kernel of it."""
        users: dict[str, list[str]] = {}
        with translated():
            for pool in self._connection.virt.listAllStoragePools():
                for each in storage.volumes(pool) if pool.isActive() else ():
                    if each.backing and each.backing.startswith(f"{folder}/"):
                        users.setdefault(each.backing.rpartition("/")[2], []).append(
                            f"{pool.name()}/{each.name}"
                        )
            for domain in self._connection.virt.listAllDomains():
                for volume in _named_in(domain.XMLDesc(_INACTIVE), folder):
                    users.setdefault(volume, []).append(f"domain {domain.name()}")
        return users

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
        conn, before = self._connection.virt, part.file.stat()
        if part.of_user and f"sha256-{file_digest(part.file)}" != part.digest:
            raise _changed(part)
        storage.delete_volume(pool, part.volume)
        with part.file.open("rb") as source:
            storage.upload(
                conn,
                pool,
                part.volume,
                source,
                length=before.st_size,
                mode=READABLE,
                progress=_seldom(lambda done, total: progress("uploading", done, total)),
            )
            source.seek(0)
            verifying = _seldom(lambda done, total: progress("verifying", done, total))
            whole = storage.same(conn, pool, part.volume, source, verifying)
        after = part.file.stat()
        if not whole or (after.st_mtime_ns, after.st_size) != (before.st_mtime_ns, before.st_size):
            storage.delete_volume(pool, part.volume)
            raise _changed(part)

    def _await_format(self, pool: libvirt.virStoragePool, spec: ImageSpec, content: _Content) -> None:
        """Wait until libvirt has seen what it is: it looks in a thread of its own after an upload."""
        deadline = time.monotonic() + REFRESH_S
        while content.format == "qcow2" and time.monotonic() < deadline:
            if any(each.format == "qcow2" for each in storage.volumes(pool, {spec.volume})):
                return
            storage.refresh(pool)


class _Hashing:
    """A digest as a writer."""

    def __init__(self, digest: Any) -> None:
        self.write = digest.update


def _named_in(text: str, folder: str) -> set[str]:
    """The volumes of the store that a domain's XML names itself: its kernel, its initrd, or a disk."""
    root = ET.fromstring(text)
    paths = [root.findtext("os/kernel"), root.findtext("os/initrd")]
    paths += [each.get("file") for each in root.iterfind("devices/disk/source")]
    return {path.rpartition("/")[2] for path in paths if path and path.startswith(f"{folder}/")}


@contextmanager
def located(file: Path) -> Iterator[None]:
    """Name the file in errors that have no place yet."""
    try:
        yield
    except LabctlError as error:
        raise LabctlError(error.summary, hint=error.hint, where=error.where or str(file)) from error


def _changed(part: _Part) -> LabctlError:
    return LabctlError(
        f"it is not {part.digest} any more",
        where=str(part.file),
        hint="was the file changed meanwhile? Then plan again",
    )


@contextmanager
def _content(spec: ImageSpec, progress: Progress) -> Iterator[_Content]:
    """The image's files on this machine, checked; a download is dropped once the store has it."""
    if spec.source == "build":
        yield _built(spec, progress)
    elif spec.source == "url":
        file = _downloaded(spec, progress)
        file.chmod(READABLE)  # for a qemu-img that is nobody; the folder is the user's alone
        with _unpacked(file, spec.key, progress) as (whole, digest):
            yield _single(spec, _Part(spec.volume, whole, digest))
        file.unlink(missing_ok=True)
    elif spec.source == "path":
        content = _single(spec, _Part(spec.volume, Path(spec.origin), spec.key, of_user=True))
        yield replace(content, parts=(*content.parts, *_beside(spec))) if spec.direct else content
    else:
        hint = "import it again, or ask whoever pinned it: `labctl image import`"
        raise LabctlError("it is not in the store, and there is no address to get it from", hint=hint)


@contextmanager
def _unpacked(file: Path, key: str, progress: Progress) -> Iterator[tuple[Path, str]]:
    """The file and its digest; a compressed one decompressed beside it."""
    from labctl.host import unpack

    if unpack.compression(file) is None:
        yield file, key
        return
    whole = file.with_name(f"{file.name}.whole")
    whole.unlink(missing_ok=True)  # of a run that was killed
    try:
        digest = unpack.unpack(file, whole, _seldom(lambda done, total: progress("unpacking", done, total)))
        whole.chmod(READABLE)  # as above
        yield whole, f"sha256-{digest}"
    finally:
        whole.unlink(missing_ok=True)


def _beside(spec: ImageSpec) -> Iterator[_Part]:
    """The kernel and the initrd of an image that boots directly: files of these names beside it."""
    for volume in (spec.kernel, spec.initrd):
        file = Path(spec.origin).with_name(volume.rpartition(".")[2])
        yield _Part(volume, file, f"sha256-{file_digest(file)}")


def _single(spec: ImageSpec, part: _Part) -> _Content:
    """Judge a file of others: its header in Python, and then a qcow2's tables by QEMU, which finds what is cut off."""
    from labctl.host import cache, qcow2, qemu_img

    if spec.blob:
        return _Content((part,), None, part.file.stat().st_size)
    header = qcow2.inspect(part.file)
    if header.format == "qcow2":
        with part.file.open("rb") as file:
            source = qemu_img.Source(file, header.format, header.virtual_size)
            with located(part.file):
                qemu_img.check(source, cache.folder("checks"))
    return _Content((part,), header.format, header.virtual_size)


def _downloaded(spec: ImageSpec, progress: Progress) -> Path:
    from labctl.host.download import Source, fetch

    algorithm, _, digest = spec.key.partition("-")
    downloading = _seldom(lambda done, total: progress("downloading", done, total))
    return fetch(Source(spec.origin, algorithm, digest), downloading)


def _built(spec: ImageSpec, progress: Progress) -> _Content:
    from labctl.host import build, qcow2

    recipe = build.custom(spec.wanted, spec.arch) if spec.wanted else build.recipe(spec.origin, spec.arch)
    built = build.build(recipe, lambda text: progress(text, 0, 0), pinned=spec.key)
    header = qcow2.inspect(built.folder / build.IMAGE)
    names = ((spec.volume, build.IMAGE), (spec.kernel, build.KERNEL), (spec.initrd, build.INITRD))
    parts = tuple(
        _Part(volume, built.folder / name, f"sha256-{built.digests[name]}")
        for volume, name in names
        if name in built.digests
    )
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
