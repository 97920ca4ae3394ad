"""The files of an image on this machine: they are downloaded, built or copied from the user's own, and checked.

All of them are in the user's cache, which nobody else can enter. So what was checked is what is stored, although others
may write to the file that an image comes from.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import record, replace
from labctl.host.builds import build
from labctl.host.files import cache, os_errors
from labctl.host.files.regular import open_real
from labctl.host.images import boot_files, limits, qcow2, qemu_img, sparse, unpack
from labctl.host.images.untrusted import errors_naming, opened_file
from labctl.host.machine import lock
from labctl.kinds.image.resolve import recipe_of
from labctl.kinds.image.spec import READABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labctl.kinds.image.spec import ImageSpec

    Progress = Callable[
        [str, int, int], None
    ]  # what is being done, bytes that are done, bytes in all (0: unknown)

REPORT_EVERY_S = 0.2
WAIT_S = 7200.0  # how long to wait while another labctl uses the same files


@record
class StoreFile:
    """A file of the cache to store as a volume; its `digest` has the form `sha256-HEX`."""

    volume: str
    file: Path
    digest: str


@record
class Content:
    """The files of an image, its format and its virtual size in bytes; a blob has no format and the file's size."""

    files: tuple[StoreFile, ...]
    format: str | None
    virtual_size: int


@contextmanager
def content(spec: ImageSpec, progress: Progress) -> Iterator[Content]:
    """Give the image's files on this machine, checked. The block stores them; a download is deleted after it."""
    sources = {"build": _built, "url": _fetched, "path": _copied}
    if spec.source not in sources:
        hint = "import it again, or ask whoever pinned it: `labctl image import`"
        raise LabctlError("it is not in the store, and there is no address to get it from", hint=hint)
    # another labctl may be storing the same files on another libvirt host
    waiting = partial(progress, "waiting for another labctl", 0, 0)
    with lock.held(files_lock_name(spec.key), wait_s=WAIT_S, waiting=waiting):
        yield from sources[spec.source](spec, progress)


def files_lock_name(key: str) -> str:
    """The name of the lock that a process holds while it makes or reads an image's files in the cache."""
    return cache.lock_name(f"files of {key}")


def _fetched(spec: ImageSpec, progress: Progress) -> Iterator[Content]:
    """Download the image's file."""
    file = _downloaded(spec, progress)
    file.chmod(READABLE)  # qemu-img reads it as the user nobody; other users can't enter the folder
    with _unpacked(file, spec, progress) as (whole, digest):
        yield _checked(spec, StoreFile(spec.volume, whole, digest), file)
    file.unlink(missing_ok=True)


@contextmanager
def _unpacked(file: Path, spec: ImageSpec, progress: Progress) -> Iterator[tuple[Path, str]]:
    """Give the file and its digest, or those of the decompressed file, which exists while the block runs."""
    if unpack.compression(file) is None:
        yield file, spec.key
        return
    whole = file.with_name(f"{file.name}.whole")
    unpacking = throttled(lambda done, total: progress("unpacking", done, total))
    most = limits.image_file(spec.size)
    with _temporary(whole):
        digest = unpack.unpack(
            file, whole, unpacking, limit=most if spec.size else limits.UNPACKED, data_limit=most
        )
        whole.chmod(READABLE)  # for qemu-img, as the download
        yield whole, f"sha256-{digest}"


def _copied(spec: ImageSpec, progress: Progress) -> Iterator[Content]:
    """Copy the user's file and, for a direct boot, the kernel and the initrd beside it."""
    origin = Path(spec.origin)
    with ExitStack() as stack:
        stored = stack.enter_context(_copy(spec.volume, origin, progress))
        if stored.digest != spec.key:
            raise _changed_error(spec)
        beside = (spec.kernel, spec.initrd) if spec.direct else ()
        more = [
            stack.enter_context(_copy(volume, origin.with_name(volume.rpartition(".")[2]), progress))
            for volume in beside
        ]
        content = _checked(spec, stored, origin)
        yield replace(content, files=(*content.files, *more))


@contextmanager
def _copy(volume: str, origin: Path, progress: Progress) -> Iterator[StoreFile]:
    """Copy a file into the cache, where the copy exists while the block runs."""
    folder = cache.folder("checks")
    file, copying = folder / volume, throttled(lambda done, total: progress("copying", done, total))
    with _temporary(file), opened_file(origin, open_real) as (source, _size):
        with os_errors.translated("can't copy the image", file), file.open("xb", buffering=0) as target:
            digest = sparse.copy(source, target, folder, copying)
        file.chmod(READABLE)  # for qemu-img, as a download
        yield StoreFile(volume, file, f"sha256-{digest}")


@contextmanager
def _temporary(file: Path) -> Iterator[None]:
    """Delete the file after the block, and before it, where a run that was killed left it."""
    file.unlink(missing_ok=True)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _checked(spec: ImageSpec, stored: StoreFile, origin: Path) -> Content:
    """Check an untrusted file: its header in Python, then a qcow2's tables by QEMU, which finds a truncated file.

    Errors name the file `origin`.
    """
    with opened_file(stored.file) as (file, size):
        if spec.blob:
            boot_files.inspect_file(file, size, origin)
            return Content((stored,), None, size)
        header = qcow2.inspect_file(file, size, str(origin))
        if header.format == "qcow2":
            with errors_naming(str(origin)):
                qemu_img.check(qemu_img.OpenImage(file, header.format, header.virtual_size))
    return Content((stored,), header.format, header.virtual_size)


def _downloaded(spec: ImageSpec, progress: Progress) -> Path:
    from labctl.host.downloads.download import RemoteFile, fetch  # httpx takes long to import

    algorithm, _, digest = spec.key.partition("-")
    downloading = throttled(lambda done, total: progress("downloading", done, total))
    return fetch(RemoteFile(spec.origin, algorithm, digest, limits.image_file(spec.size)), downloading)


def _built(spec: ImageSpec, progress: Progress) -> Iterator[Content]:
    built = build.build(recipe_of(spec), lambda text: progress(text, 0, 0), pinned=spec.key)
    header = qcow2.inspect(built.folder / build.IMAGE)
    names = ((spec.volume, build.IMAGE), (spec.kernel, build.KERNEL), (spec.initrd, build.INITRD))
    files = tuple(
        StoreFile(volume, built.folder / name, f"sha256-{built.digests[name]}")
        for volume, name in names
        if name in built.digests
    )
    yield Content(files, header.format, header.virtual_size)


def _changed_error(spec: ImageSpec) -> LabctlError:
    return LabctlError(
        f"it is not {spec.key} any more",
        where=spec.origin,
        hint="was the file changed meanwhile? Then plan again",
    )


def throttled(report: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Report progress at most a few times a second, and at the end, since each event takes time."""
    last = 0.0

    def report_seldom(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= REPORT_EVERY_S:
            last = now
            report(done, total)

    return report_seldom
