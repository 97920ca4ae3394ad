"""What is still needed of the store, and whether it is sound."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.core.errors import LabctlError
from labctl.host import cache, glance, lock
from labctl.kinds.image.store import ImageStore, Stored
from labctl.labfile import lockfile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from labctl.host.connection import Connection

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Needless:
    """Something that may go: an image, a volume that is part of none, something of the cache."""

    what: str
    bytes: int
    image: Stored | None = None
    volume: str = ""
    path: Path | None = None

    def to_json(self) -> dict[str, Any]:
        return {"what": self.what, "bytes": self.bytes}


def needless(connection: Connection, here: Path | None) -> list[Needless]:
    """What no disk and no Labfile.lock needs: of the labs on this host, and of the Labfile `here`.

    Raises:
        LabctlError: libvirt does not answer, or a lock can't be read: then nothing is known to be needless.
    """
    store = ImageStore(connection)
    pinned = _pinned(connection, here)
    found = [
        Needless(f"image {each.spec.label} ({_short(each.spec.key)})", each.bytes, image=each)
        for each in store.stored()
        if not each.users and each.spec.key not in pinned
    ]
    found += [
        Needless(f"volume {name} (part of no image)", size, volume=name)
        for name, size in store.leftovers().items()
        if _idle(f"image {name.rpartition('.')[0]} on {connection.uri}")
    ]
    return found + list(_cached(pinned))


def remove(connection: Connection, gone: Iterable[Needless], told: Callable[[str], None]) -> int:
    """Remove these; gives the bytes that were freed, `told` what could not go."""
    store = ImageStore(connection)
    freed = 0
    for each in gone:
        try:
            if each.image:
                store.delete(each.image.spec.key)
            elif each.volume:
                store.drop(each.volume)
            elif each.path:
                _delete(each.path)
        except (LabctlError, OSError) as error:
            told(f"{each.what}: {error}")
        else:
            freed += each.bytes
    return freed


def _pinned(connection: Connection, here: Path | None) -> set[str]:
    """The keys that the locks of all labs on this host name."""
    seen = glance.look(connection)
    files = {Path(vm.file) for vm in seen.vms if vm.file} | {
        Path(net.file) for net in seen.networks if net.file
    }
    files |= {here} if here else set()
    return {pin.key for file in files for pin in lockfile.read(lockfile.beside(file)).values()}


def _cached(pinned: set[str]) -> Iterator[Needless]:
    """Downloads and builds in the user's cache: what is in the store has no need of them."""
    for kind in ("downloads", "builds", "conversions", "checks"):
        for path in sorted(cache.folder(kind).iterdir()):
            key = path.name.partition(".")[0]
            if key not in pinned and _idle(f"{kind.removesuffix('s')} of {key}"):
                yield Needless(
                    f"{kind.removesuffix('s')} {_short(path.name)} in the cache", _bytes(path), path=path
                )


def _idle(what: str) -> bool:
    """Whether no labctl is at it now."""
    from labctl.core.errors import LabHeld

    try:
        with lock.held(what):
            return True
    except LabHeld:
        return False


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.lstat().st_blocks * 512 for each in files if each.is_file())


def _delete(path: Path) -> None:
    import shutil

    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _short(key: str) -> str:
    return key.replace("-", ":", 1)[:19]
