"""Lists and finds the images of the store and of the catalogue, and the warm states of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core.address import natural_sort_key
from labctl.core.errors import UsageError
from labctl.core.record import record, replace
from labctl.kinds.image import catalogue
from labctl.kinds.image.spec import short, shown
from labctl.kinds.image.store import ImageStore, StoredImage
from labctl.kinds.warm import store as warm_store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.host.host import Host
    from labctl.kinds.image.catalogue import Entry
    from labctl.kinds.warm.store import StoredWarm

FORMAT = 1


@record
class Row:
    """An image. `stored` is None if it is not in the store, `entry` is None if the catalogue has no such name."""

    name: str
    stored: StoredImage | None = None
    entry: Entry | None = None

    def to_json(self) -> dict[str, Any]:
        spec = self.stored.spec if self.stored else None
        return {
            "name": self.name,
            "description": self.entry.description if self.entry else "",
            "architectures": list(self.entry.architectures) if self.entry else [],
            "digest": shown(spec.key) if spec else None,
            "arch": (spec.arch or None) if spec else None,
            "origin": spec.origin if spec else None,
            "size_bytes": spec.size if spec else None,
            "stored_bytes": self.stored.bytes if self.stored else 0,
            "state": (self.stored.state or None) if self.stored else None,
            "users": list(self.stored.users) if self.stored else [],
        }


def images(host: Host) -> list[Row]:
    """The images of the store, then the other images of the catalogue.

    Raises:
        LabctlError: libvirt does not answer, or a file of the user's catalogue is wrong.
    """
    entries = catalogue.entries()
    stored = sorted(ImageStore(host).stored(), key=lambda each: natural_sort_key(each.spec.label))
    stored_names = {each.spec.label for each in stored}
    rows = [Row(each.spec.label, each, entries.get(each.spec.label)) for each in stored]
    by_key = {each.spec.key: each for each in stored}
    for name in sorted(entries.keys() - stored_names, key=natural_sort_key):
        keys = entries[name].digests.values()  # the store may have the same content under another name
        rows.append(Row(name, next((by_key[key] for key in keys if key in by_key), None), entries[name]))
    return sorted(rows, key=lambda row: row.stored is None)


def warm_states(host: Host) -> list[StoredWarm]:
    """The warm states in the store that are finished, by their labs."""
    found = [each for each in warm_store.look(host) if each.warm.finished]
    return sorted(found, key=lambda each: natural_sort_key(each.warm.lab))


def warm_to_json(state: StoredWarm) -> dict[str, Any]:
    return {
        "lab": state.warm.lab,
        "taken": state.warm.taken or None,
        "stored_bytes": state.warm.size,
        "problem": state.warm.problem or None,
        "users": list(state.users),
    }


def find(host: Host, names: Iterable[str]) -> list[StoredImage]:
    """The stored images with these names or beginnings of digests, each once.

    Raises:
        UsageError: the store has no image of that name, or several.
    """
    stored = ImageStore(host).stored()
    known = catalogue.entries()
    found = [_find_one(name, stored, known.get(name)) for name in names]
    return list({each.spec.key: each for each in found}.values())


def _find_one(name: str, stored: list[StoredImage], entry: Entry | None) -> StoredImage:
    """The stored image with this name or beginning of a digest. An image with several names gets `name` as label."""
    wanted = name.replace(":", "-", 1)
    keys = set(entry.digests.values()) if entry else set()
    found = [each for each in stored if each.spec.label == name or each.spec.key in keys]
    if found:
        found = [replace(each, spec=replace(each.spec, label=name)) for each in found]
    else:
        found = [each for each in stored if _is_beginning(each.spec.key, wanted)]
    if not found:
        raise UsageError(f"no image in the store is called {name}", hint="`labctl image list` shows them")
    if len(found) > 1:
        digests = ", ".join(short(each.spec.key) for each in found)
        raise UsageError(f"{len(found)} images are called {name}", hint=f"name one by its digest: {digests}")
    return found[0]


def _is_beginning(key: str, wanted: str) -> bool:
    """Whether `wanted` is the beginning of the digest in `key`, with or without its algorithm."""
    algorithm, _, digest = key.partition("-")
    beginning = wanted.removeprefix(f"{algorithm}-")
    return len(beginning) >= SHORTEST and digest.startswith(beginning)


SHORTEST = 6  # the least number of digits that name a digest
