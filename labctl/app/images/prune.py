"""Finds and removes what nothing needs any more in the image store, images and warm states, and in the cache."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.core.errors import LabctlError, LabHeld
from labctl.core.record import record
from labctl.engine import overview
from labctl.host import store_users
from labctl.host.files import cache
from labctl.host.machine import lock
from labctl.kinds.image.content import files_lock_name
from labctl.kinds.image.driver import lock_of
from labctl.kinds.image.spec import short
from labctl.kinds.image.store import ImageStore, StoredImage
from labctl.kinds.warm import store as warm_store
from labctl.labfile import lockfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from labctl.host.host import Host
    from labctl.kinds.warm.spec import WarmSpec

FORMAT = 1


@record
class Unneeded:
    """An image, a warm state, a volume that is part of neither, or a cached file that nothing needs.

    Whoever works on it holds `locks`.
    """

    what: str
    bytes: int
    locks: tuple[str, ...] = ()
    image: StoredImage | None = None
    warm: WarmSpec | None = None
    volume: str = ""
    path: Path | None = None

    def to_json(self) -> dict[str, Any]:
        return {"what": self.what, "bytes": self.bytes}


def name(image: StoredImage) -> str:
    """What is told of an image that goes."""
    return f"image {image.spec.label} ({short(image.spec.key)})"


def to_json(removed: Sequence[Unneeded]) -> dict[str, Any]:
    """What was removed, as a document of `schemas/images-removed.schema.json`."""
    freed = sum(each.bytes for each in removed)
    return {"format": FORMAT, "removed": [each.to_json() for each in removed], "freed_bytes": freed}


def unneeded(host: Host, here: Path | None) -> list[Unneeded]:
    """Everything that no disk and no Labfile.lock needs, of the labs of this host and of the Labfile `here`.

    Raises:
        LabctlError: libvirt does not answer, or a Labfile.lock can't be read, so that it is not known what it needs.
    """
    pinned = _pinned(host, here)
    states = warm_store.look(host)
    unused = (_warm_state(host, each.warm) for each in states if not each.users)
    warm = [each for each in unused if _unlocked(each)]
    gone = [each.warm for each in warm]
    stay = {each.warm.lab for each in states if each.warm not in gone}
    with_them = {store_users.warm_state(lab) for lab in {each.warm.lab for each in states} - stay}
    found = (*_images(host, pinned, with_them), *_leftovers(host), *_cached(pinned))
    return [*warm, *(each for each in found if _unlocked(each))]


def _warm_state(host: Host, warm: WarmSpec) -> Unneeded:
    boots = f"{warm.moment}; no disk stands on it, and the next `labctl up` of the lab boots"
    what = f"{store_users.warm_state(warm.lab)} ({warm.problem or boots})"
    return Unneeded(what, warm.size, (host.lock_name(lock.lab_lock_name(warm.lab)),), warm=warm)


def _images(host: Host, pinned: set[str], with_them: set[str]) -> Iterator[Unneeded]:
    """Images that nothing uses but `with_them`, the users that go too."""
    for each in ImageStore(host).stored():
        if not set(each.users) - with_them and each.spec.key not in pinned:
            yield Unneeded(name(each), each.bytes, (host.lock_name(lock_of(each.spec.key)),), image=each)


def _leftovers(host: Host) -> Iterator[Unneeded]:
    for volume, size in ImageStore(host).leftovers().items():
        locks = (host.lock_name(lock_of(volume.rpartition(".")[0])),)
        yield Unneeded(f"volume {volume} (part of no image)", size, locks, volume=volume)


def remove(host: Host, gone: Iterable[Unneeded], warn: Callable[[str], None]) -> Iterator[Unneeded]:
    """Remove these and give those that were removed. `warn` gets a line for each that could not be removed.

    Each is checked once more: the user may have taken long to confirm.
    """
    for each in gone:
        try:
            with _locked(each):
                removed = _remove(host, each)
        except (LabctlError, OSError) as error:
            warn(f"{each.what}: {error}")
        else:
            if removed:
                yield each


def _remove(host: Host, unneeded: Unneeded) -> bool:
    """Remove it under its locks, unless it became part of something meanwhile, or was removed."""
    store = ImageStore(host)
    if unneeded.image:
        store.delete(unneeded.image.spec.key)
    elif unneeded.path:
        _delete(unneeded.path)
    elif unneeded.warm:
        states = warm_store.look(host, held=unneeded.warm.lab)
        found = [each for each in states if each.warm == unneeded.warm]
        warm_store.remove(host, found)
        return bool(found)
    elif unneeded.volume in store.leftovers():
        store.drop(unneeded.volume)
    else:
        return False
    return True


def _pinned(host: Host, here: Path | None) -> set[str]:
    """The keys that the Labfile.lock of any lab of this host pins, or that of the Labfile `here`."""
    seen = overview.look((host,))
    files = {Path(vm.file) for vm in seen.vms if vm.file} | {
        Path(net.file) for net in seen.networks if net.file
    }
    files |= {here} if here else set()
    return {pin.key for file in files for pin in lockfile.read_lock(lockfile.lock_path(file)).values()}


def _cached(pinned: set[str]) -> Iterator[Unneeded]:
    """Unneeded downloads, builds and temporary files in the user's cache."""
    for kind in ("downloads", "builds", "conversions", "checks"):
        for path in sorted(cache.folder(kind).iterdir()):
            key = path.name.partition(".")[0]
            if key not in pinned:
                what = kind.removesuffix("s")
                locks = (cache.lock_name(f"{what} of {key}"), files_lock_name(key))
                yield Unneeded(f"{what} {short(path.name)} in the cache", _bytes(path), locks, path=path)


def _unlocked(unneeded: Unneeded) -> bool:
    """Whether no labctl works on it now."""
    try:
        with _locked(unneeded):
            return True
    except LabHeld:
        return False


@contextmanager
def _locked(unneeded: Unneeded) -> Iterator[None]:
    """Hold its locks. Raises LabHeld if someone else works on it."""
    with ExitStack() as stack:
        for name in unneeded.locks:
            stack.enter_context(lock.held(name))
        yield


def _bytes(path: Path) -> int:
    """The bytes that a file or folder takes on disk. Someone may remove it at the same time."""
    files = path.rglob("*") if path.is_dir() else [path]
    total = 0
    for each in files:
        with suppress(FileNotFoundError):
            total += each.lstat().st_blocks * 512
    return total


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
