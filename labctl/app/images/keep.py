"""What is still needed of the store, and whether it is sound."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.core.errors import LabctlError, LabHeld
from labctl.core.record import record
from labctl.engine import overview
from labctl.host.files import cache
from labctl.host.machine import lock
from labctl.kinds.image.content import in_use
from labctl.kinds.image.driver import lock_of
from labctl.kinds.image.spec import short
from labctl.kinds.image.store import ImageStore, Stored
from labctl.labfile import lockfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from labctl.host.host import Host

FORMAT = 1


@record
class Needless:
    """Something that may go: an image, a volume that is part of none, something of the cache.

    `locks` are those of whoever works on it.
    """

    what: str
    bytes: int
    locks: tuple[str, ...] = ()
    image: Stored | None = None
    volume: str = ""
    path: Path | None = None

    def to_json(self) -> dict[str, Any]:
        return {"what": self.what, "bytes": self.bytes}


def needless(host: Host, here: Path | None) -> list[Needless]:
    """What no disk and no Labfile.lock needs: of the labs on this host, and of the Labfile `here`.

    Raises:
        LabctlError: libvirt does not answer, or a lock can't be read: then nothing is known to be needless.
    """
    store = ImageStore(host)
    pinned = _pinned(host, here)
    found = [
        Needless(
            f"image {each.spec.label} ({short(each.spec.key)})",
            each.bytes,
            (host.lock_name(lock_of(each.spec.key)),),
            image=each,
        )
        for each in store.stored()
        if not each.users and each.spec.key not in pinned
    ]
    found += [
        Needless(
            f"volume {name} (part of no image)",
            size,
            (host.lock_name(lock_of(name.rpartition(".")[0])),),
            volume=name,
        )
        for name, size in store.leftovers().items()
    ]
    return [each for each in (*found, *_cached(pinned)) if _idle(each)]


def remove(host: Host, gone: Iterable[Needless], told: Callable[[str], None]) -> Iterator[Needless]:
    """Remove these, and give those that went; `told` what could not go.

    Since they were found someone may have thought about them for long: each is looked at once more.
    """
    store = ImageStore(host)
    for each in gone:
        try:
            with _alone(each):
                if each.image:
                    store.delete(each.image.spec.key)
                elif each.path:
                    _delete(each.path)
                elif each.volume in store.leftovers():
                    store.drop(each.volume)
                else:
                    continue  # it became part of an image meanwhile, or went
        except (LabctlError, OSError) as error:
            told(f"{each.what}: {error}")
        else:
            yield each


def _pinned(host: Host, here: Path | None) -> set[str]:
    """The keys that the locks of all labs on this host name."""
    seen = overview.look(host)
    files = {Path(vm.file) for vm in seen.vms if vm.file} | {
        Path(net.file) for net in seen.networks if net.file
    }
    files |= {here} if here else set()
    return {pin.key for file in files for pin in lockfile.read_lock(lockfile.lock_path(file)).values()}


def _cached(pinned: set[str]) -> Iterator[Needless]:
    """Downloads and builds in the user's cache: what is in the store has no need of them."""
    for kind in ("downloads", "builds", "conversions", "checks"):
        for path in sorted(cache.folder(kind).iterdir()):
            key = path.name.partition(".")[0]
            if key not in pinned:
                what = kind.removesuffix("s")
                locks = (f"{what} of {key}", in_use(key))
                yield Needless(f"{what} {short(path.name)} in the cache", _bytes(path), locks, path=path)


def _idle(needless: Needless) -> bool:
    """Whether no labctl is at it now."""
    try:
        with _alone(needless):
            return True
    except LabHeld:
        return False


@contextmanager
def _alone(needless: Needless) -> Iterator[None]:
    """While nobody else works on it. LabHeld where someone does."""
    with ExitStack() as stack:
        for name in needless.locks:
            stack.enter_context(lock.held(name))
        yield


def _bytes(path: Path) -> int:
    """What it takes; it may be going right now."""
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
