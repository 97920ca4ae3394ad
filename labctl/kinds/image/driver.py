"""Images in libvirt: the store that all labs of a host share, filled from files, downloads and builds.

Presence is not completeness: `KEY.ok` is written last, once what the store holds was read back and compared.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from labctl.core.errors import LabctlError
from labctl.host import build, download, qcow2, storage
from labctl.host.connection import translated
from labctl.host.keys import private_folder, write_private
from labctl.host.lock import held
from labctl.kinds.image.spec import POOL, ImageSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from labctl.core.events import Teller
    from labctl.core.plan import Step
    from labctl.host.connection import Connection

READABLE = 0o644  # QEMU's user opens base images; nothing in them is secret
LOCK_WAIT_S = 3600.0  # another labctl that makes the same image is waited for


def cache_folder() -> Path:
    """Where what is dear to make again is kept: downloads, builds, digests of files. Losing it costs time only."""
    import platformdirs

    return Path(os.environ.get("LABCTL_CACHE_DIR") or platformdirs.user_cache_dir("labctl"))


# --- what an image of the Labfile is -------------------------------------------------------------------------


def resolve_path(path: Path, *, blob: bool = False) -> ImageSpec:
    """A local file; its header is checked before any tool of QEMU's sees it. A `blob` is a kernel or initrd.

    Raises:
        LabctlError: it can't be read, or is refused.
    """
    size = None if blob else qcow2.inspect(path).virtual_size
    return ImageSpec(path.name, f"sha256-{_digest(path)}", "path", str(path), size, blob=blob)


def resolve_url(url: str, algorithm: str, digest: str) -> ImageSpec:
    label = url.rstrip("/").rsplit("/", 1)[-1]
    return ImageSpec(label, f"{algorithm}-{digest.lower()}", "url", url)


def resolve_name(name: str, arch: str) -> ImageSpec:
    """An image of the catalogue, which labctl builds."""
    recipe = build.recipe(name, arch)
    return ImageSpec(name, recipe.key, "build", arch, recipe.size, direct=True, cmdline=recipe.cmdline)


def _digest(path: Path) -> str:
    """The sha256 of a file, remembered for as long as the file is the same one."""
    try:
        facts = path.stat()
        identity = f"{facts.st_dev}-{facts.st_ino}-{facts.st_size}-{facts.st_mtime_ns}"
        note = cache_folder() / "digests" / hashlib.sha256(f"{path} {identity}".encode()).hexdigest()
        if note.is_file():
            return note.read_text()
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LabctlError(
            f"can't read {path}: {error.strerror}", hint="check the path and its permissions"
        ) from error
    write_private(note, digest.encode())
    return digest


# --- the store -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Files:
    """What goes into the store, by the suffix of its name there."""

    files: dict[str, Path]
    size: int | None = None


class ImageDriver:
    """Fills the store; nothing in it is ever written again."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def observe(self, keys: Collection[str]) -> dict[str, ImageSpec]:
        """Those of the images that are complete in the store, by key."""
        with translated("image store"):
            pool = storage.find_pool(self._connection.virt, POOL)
            names = storage.volume_names(pool) if pool is not None else set()
            return {
                key: _read_note(key, storage.download(self._connection.virt, pool, f"{key}.ok"))
                for key in sorted(keys)
                if pool is not None and {f"{key}.ok", f"{key}.img"} <= names
            }

    def create(self, step: Step, tell: Teller) -> None:
        """Fetch or build an image and put it into the store; one labctl does it, the others wait for it."""
        spec = cast("ImageSpec", step.after)
        with translated(str(spec.address)), held(f"image {spec.key}", wait_s=LOCK_WAIT_S):
            if spec.key not in self.observe([spec.key]):
                with self._gathered(spec, tell) as files:
                    self._store(spec, files, tell)

    update = create

    @contextmanager
    def _gathered(self, spec: ImageSpec, tell: Teller) -> Iterator[_Files]:
        """The image's files on this machine."""
        if spec.source == "path":
            size = None if spec.blob else qcow2.inspect(Path(spec.origin)).virtual_size
            yield _Files({"img": Path(spec.origin)}, size)
        elif spec.source == "url":
            yield self._downloaded(spec, tell)
        else:
            yield self._built(spec, tell)

    def _downloaded(self, spec: ImageSpec, tell: Teller) -> _Files:
        folder = cache_folder() / "downloads"
        private_folder(folder)
        target = folder / f"{spec.key}.img"
        if not target.exists():
            algorithm, _, digest = spec.key.partition("-")
            download.fetch(
                spec.origin,
                target,
                algorithm,
                digest,
                progress=lambda done, total: tell.progress("downloading", done, total),
            )
        try:
            return _Files({"img": target}, qcow2.inspect(target).virtual_size)
        except LabctlError:
            target.unlink()
            raise

    def _built(self, spec: ImageSpec, tell: Teller) -> _Files:
        """Build it, or take an earlier build: it is kept, for it takes a minute and the store may be another host's."""
        kept = cache_folder() / "builds" / spec.key
        names = {"img": "disk.qcow2", "vmlinuz": "vmlinuz", "initrd": "initrd"}
        if not kept.is_dir():
            private_folder(kept.parent)
            with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".build-") as scratch:
                made = build.build(build.recipe(spec.label, spec.origin), Path(scratch), tell.progress)
                done = Path(scratch) / "done"
                done.mkdir(mode=0o700)
                for file in (made.disk, made.kernel, made.initrd):
                    file.rename(done / file.name)
                done.rename(kept)
        return _Files({suffix: kept / name for suffix, name in names.items()}, spec.size)

    def _store(self, spec: ImageSpec, files: _Files, tell: Teller) -> None:
        virt = self._connection.virt
        root = storage.pool_root(virt)
        pool = storage.define_pool(virt, POOL, root / POOL)
        digests = {}
        for suffix, path in files.files.items():
            name = f"{spec.key}.{suffix}"
            storage.delete_volume(pool, name)  # an upload that was cut off
            with path.open("rb") as file:
                length = path.stat().st_size
                storage.upload(
                    virt,
                    pool,
                    name,
                    file,
                    length=length,
                    mode=READABLE,
                    progress=lambda done, total: tell.progress("storing", done, total),
                )
            digests[suffix] = self._verified(pool, name, path)
        note = replace(spec, size=files.size)
        content = json.dumps({name: getattr(note, name) for name in _NOTED} | {"sha256": digests}).encode()
        storage.refresh(pool)  # libvirt looks for a format only then
        storage.delete_volume(pool, f"{spec.key}.ok")
        storage.upload(virt, pool, f"{spec.key}.ok", content, length=len(content), mode=READABLE)

    def _verified(self, pool: Any, name: str, path: Path) -> str:
        """Compare what the store holds with the file, through the API; gives the sha256."""
        stored = hashlib.sha256()
        storage.download_to(self._connection.virt, pool, name, _Hashing(stored))
        with path.open("rb") as file:
            wanted = hashlib.file_digest(file, "sha256").hexdigest()
        if stored.hexdigest() != wanted:
            storage.delete_volume(pool, name)
            raise LabctlError("what arrived in the store is not what was sent", hint="run it again")
        return wanted


class _Hashing:
    """A file to write to that keeps only the digest."""

    def __init__(self, digest: hashlib._Hash) -> None:
        self._digest = digest

    def write(self, data: bytes, /) -> object:
        self._digest.update(data)
        return len(data)


_NOTED = ("label", "source", "origin", "size", "direct", "cmdline", "blob")


def _read_note(key: str, content: bytes) -> ImageSpec:
    try:
        noted = json.loads(content)
        return ImageSpec(key=key, **{name: noted[name] for name in _NOTED})
    except (ValueError, KeyError, TypeError) as error:
        raise LabctlError(
            f"the image store's note {key}.ok can't be read", hint=f"virsh vol-delete --pool {POOL} {key}.ok"
        ) from error
