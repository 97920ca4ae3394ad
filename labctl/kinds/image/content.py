"""The files of an image on this machine: they are downloaded, built or the user's own, and checked."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import record, replace
from labctl.host.builds import build
from labctl.host.files import cache
from labctl.host.files.digests import file_digest
from labctl.host.images import qcow2, qemu_img, unpack
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
    """A file to store as a volume; its `digest` has the form `sha256-HEX`. The user may change a file `of_user`."""

    volume: str
    file: Path
    digest: str
    of_user: bool = False


@record
class Content:
    """The files of an image, its format and its virtual size in bytes; a blob has no format and the file's size."""

    files: tuple[StoreFile, ...]
    format: str | None
    virtual_size: int


@contextmanager
def content(spec: ImageSpec, progress: Progress) -> Iterator[Content]:
    """Give the image's files on this machine, checked. The block stores them; a download is deleted after it."""
    if spec.source in ("build", "url"):
        # another labctl may be storing the same files on another libvirt host
        waiting = partial(progress, "waiting for another labctl", 0, 0)
        with lock.held(files_lock_name(spec.key), wait_s=WAIT_S, waiting=waiting):
            yield from _cached(spec, progress)
    elif spec.source == "path":
        content = _checked(spec, StoreFile(spec.volume, Path(spec.origin), spec.key, of_user=True))
        yield replace(content, files=(*content.files, *_boot_files(spec))) if spec.direct else content
    else:
        hint = "import it again, or ask whoever pinned it: `labctl image import`"
        raise LabctlError("it is not in the store, and there is no address to get it from", hint=hint)


def files_lock_name(key: str) -> str:
    """The name of the lock that a process holds while it makes or reads an image's files in the cache."""
    return cache.lock_name(f"files of {key}")


def _cached(spec: ImageSpec, progress: Progress) -> Iterator[Content]:
    """Build or download the image's files into the cache."""
    if spec.source == "build":
        yield _built(spec, progress)
        return
    file = _downloaded(spec, progress)
    file.chmod(READABLE)  # qemu-img reads it as the user nobody; other users can't enter the folder
    with _unpacked(file, spec.key, progress) as (whole, digest):
        yield _checked(spec, StoreFile(spec.volume, whole, digest))
    file.unlink(missing_ok=True)


@contextmanager
def _unpacked(file: Path, key: str, progress: Progress) -> Iterator[tuple[Path, str]]:
    """Give the file and its digest, or those of the decompressed file, which exists while the block runs."""
    if unpack.compression(file) is None:
        yield file, key
        return
    whole = file.with_name(f"{file.name}.whole")
    whole.unlink(missing_ok=True)  # a run that was killed leaves it
    try:
        digest = unpack.unpack(file, whole, throttled(lambda done, total: progress("unpacking", done, total)))
        whole.chmod(READABLE)  # for qemu-img, as the download
        yield whole, f"sha256-{digest}"
    finally:
        whole.unlink(missing_ok=True)


def _boot_files(spec: ImageSpec) -> Iterator[StoreFile]:
    """The kernel and the initrd for a direct boot, which are in the image's folder."""
    for volume in (spec.kernel, spec.initrd):
        file = Path(spec.origin).with_name(volume.rpartition(".")[2])
        yield StoreFile(volume, file, f"sha256-{file_digest(file)}")


def _checked(spec: ImageSpec, stored: StoreFile) -> Content:
    """Check an untrusted file: its header in Python, then a qcow2's tables by QEMU, which finds a truncated file."""
    if spec.blob:
        return Content((stored,), None, stored.file.stat().st_size)
    header = qcow2.inspect(stored.file)
    if header.format == "qcow2":
        with stored.file.open("rb") as file:
            source = qemu_img.OpenImage(file, header.format, header.virtual_size)
            with errors_naming(stored.file):
                qemu_img.check(source, cache.folder("checks"))
    return Content((stored,), header.format, header.virtual_size)


def _downloaded(spec: ImageSpec, progress: Progress) -> Path:
    from labctl.host.downloads.download import RemoteFile, fetch  # httpx takes long to import

    algorithm, _, digest = spec.key.partition("-")
    downloading = throttled(lambda done, total: progress("downloading", done, total))
    return fetch(RemoteFile(spec.origin, algorithm, digest), downloading)


def _built(spec: ImageSpec, progress: Progress) -> Content:
    built = build.build(recipe_of(spec), lambda text: progress(text, 0, 0), pinned=spec.key)
    header = qcow2.inspect(built.folder / build.IMAGE)
    names = ((spec.volume, build.IMAGE), (spec.kernel, build.KERNEL), (spec.initrd, build.INITRD))
    files = tuple(
        StoreFile(volume, built.folder / name, f"sha256-{built.digests[name]}")
        for volume, name in names
        if name in built.digests
    )
    return Content(files, header.format, header.virtual_size)


@contextmanager
def errors_naming(file: Path) -> Iterator[None]:
    """Add the file's name to errors of the block that have no place."""
    try:
        yield
    except LabctlError as error:
        raise LabctlError(error.summary, hint=error.hint, where=error.where or str(file)) from error


def changed_error(stored: StoreFile) -> LabctlError:
    return LabctlError(
        f"it is not {stored.digest} any more",
        where=str(stored.file),
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
