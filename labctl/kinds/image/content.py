"""What an image consists of: files on this machine, fetched, built or the user's, and checked."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import record, replace
from labctl.host.files.digests import file_digest
from labctl.host.machine import lock
from labctl.kinds.image.resolve import recipe_of
from labctl.kinds.image.spec import READABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labctl.kinds.image.spec import ImageSpec

    Progress = Callable[[str, int, int], None]  # what is done, bytes done, bytes in all (0: no bytes)

TELL_EVERY_S = 0.2
WAIT_S = 7200.0  # for another labctl that has the same files in use


@record
class Part:
    """A file that goes into the store, and its digest, as `sha256-HEX`; one `of_user` may change under our hands."""

    volume: str
    file: Path
    digest: str
    of_user: bool = False


@record
class Content:
    """What an image consists of; `format` and `virtual_size` are None and the file's for a blob."""

    parts: tuple[Part, ...]
    format: str | None
    virtual_size: int


@contextmanager
def content(spec: ImageSpec, progress: Progress) -> Iterator[Content]:
    """The image's files on this machine, checked; a download is dropped once the store has it."""
    if spec.source in ("build", "url"):
        waiting = partial(progress, "waiting for another labctl", 0, 0)  # that stores it on another host
        with lock.held(in_use(spec.key), wait_s=WAIT_S, waiting=waiting):
            yield from _cached(spec, progress)
    elif spec.source == "path":
        content = _single(spec, Part(spec.volume, Path(spec.origin), spec.key, of_user=True))
        yield replace(content, parts=(*content.parts, *_beside(spec))) if spec.direct else content
    else:
        hint = "import it again, or ask whoever pinned it: `labctl image import`"
        raise LabctlError("it is not in the store, and there is no address to get it from", hint=hint)


def in_use(key: str) -> str:
    """The lock of whoever reads an image's files in the cache, or makes them."""
    return f"files of {key}"


def _cached(spec: ImageSpec, progress: Progress) -> Iterator[Content]:
    """Its files in the cache."""
    if spec.source == "build":
        yield _built(spec, progress)
        return
    file = _downloaded(spec, progress)
    file.chmod(READABLE)  # for a qemu-img that is nobody; the folder is the user's alone
    with _unpacked(file, spec.key, progress) as (whole, digest):
        yield _single(spec, Part(spec.volume, whole, digest))
    file.unlink(missing_ok=True)


@contextmanager
def _unpacked(file: Path, key: str, progress: Progress) -> Iterator[tuple[Path, str]]:
    """The file and its digest; a compressed one decompressed beside it."""
    from labctl.host.images import unpack

    if unpack.compression(file) is None:
        yield file, key
        return
    whole = file.with_name(f"{file.name}.whole")
    whole.unlink(missing_ok=True)  # of a run that was killed
    try:
        digest = unpack.unpack(file, whole, seldom(lambda done, total: progress("unpacking", done, total)))
        whole.chmod(READABLE)  # as above
        yield whole, f"sha256-{digest}"
    finally:
        whole.unlink(missing_ok=True)


def _beside(spec: ImageSpec) -> Iterator[Part]:
    """The kernel and the initrd of an image that boots directly: files of these names beside it."""
    for volume in (spec.kernel, spec.initrd):
        file = Path(spec.origin).with_name(volume.rpartition(".")[2])
        yield Part(volume, file, f"sha256-{file_digest(file)}")


def _single(spec: ImageSpec, part: Part) -> Content:
    """Judge a file of others: its header in Python, and then a qcow2's tables by QEMU, which finds what is cut off."""
    from labctl.host.files import cache
    from labctl.host.images import qcow2, qemu_img

    if spec.blob:
        return Content((part,), None, part.file.stat().st_size)
    header = qcow2.inspect(part.file)
    if header.format == "qcow2":
        with part.file.open("rb") as file:
            source = qemu_img.CheckedImage(file, header.format, header.virtual_size)
            with located(part.file):
                qemu_img.check(source, cache.folder("checks"))
    return Content((part,), header.format, header.virtual_size)


def _downloaded(spec: ImageSpec, progress: Progress) -> Path:
    from labctl.host.downloads.download import RemoteFile, fetch

    algorithm, _, digest = spec.key.partition("-")
    downloading = seldom(lambda done, total: progress("downloading", done, total))
    return fetch(RemoteFile(spec.origin, algorithm, digest), downloading)


def _built(spec: ImageSpec, progress: Progress) -> Content:
    from labctl.host.builds import build
    from labctl.host.images import qcow2

    built = build.build(recipe_of(spec), lambda text: progress(text, 0, 0), pinned=spec.key)
    header = qcow2.inspect(built.folder / build.IMAGE)
    names = ((spec.volume, build.IMAGE), (spec.kernel, build.KERNEL), (spec.initrd, build.INITRD))
    parts = tuple(
        Part(volume, built.folder / name, f"sha256-{built.digests[name]}")
        for volume, name in names
        if name in built.digests
    )
    return Content(parts, header.format, header.virtual_size)


@contextmanager
def located(file: Path) -> Iterator[None]:
    """Name the file in errors that have no place yet."""
    try:
        yield
    except LabctlError as error:
        raise LabctlError(error.summary, hint=error.hint, where=error.where or str(file)) from error


def changed(part: Part) -> LabctlError:
    return LabctlError(
        f"it is not {part.digest} any more",
        where=str(part.file),
        hint="was the file changed meanwhile? Then plan again",
    )


def seldom(tell: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Pass progress on a few times a second, and the end: people read it, and events cost."""
    last = 0.0

    def told(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= TELL_EVERY_S:
            last = now
            tell(done, total)

    return told
