"""The warm states in the store, and their volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.core.record import replace
from labctl.host.libvirt import pools, volumes
from labctl.kinds.warm import description
from labctl.kinds.warm.spec import DESCRIPTION, UNFINISHED, WarmSpec

if TYPE_CHECKING:
    from collections.abc import Iterable


def every(virt: Any, store: Any, lab: str = "") -> list[WarmSpec]:
    """The warm states of a lab, or of all labs, the newest last. `store` is the virStoragePool."""
    there = _of_states(volumes.names(store), lab)
    sizes = _sizes(store, set(there))
    found = [
        _sized(description.read(lab, key, content), sizes)
        for lab, key, part in sorted(there.values())
        if part == DESCRIPTION and (content := _content(virt, store, lab, key)) is not None
    ]
    return sorted(found, key=lambda each: each.taken)


def unfinished(store: Any, lab: str = "") -> list[WarmSpec]:
    """What saves of a lab left that were killed, or what one has made so far that is under way; or of all labs."""
    left = leftovers(volumes.names(store), lab)
    sizes = _sizes(store, left)
    keys = {part[:2] for part in _of_states(left).values()}
    return [_sized(WarmSpec(*each, problem=UNFINISHED), sizes) for each in sorted(keys)]


def _of_states(names: Iterable[str], lab: str = "") -> dict[str, tuple[str, str, str]]:
    """Volume → its lab, key and part, of those that are parts of warm states of a lab, or of all labs."""
    return {name: part for name in names if (part := identity.warm_part(name)) and lab in ("", part[0])}


def _sizes(store: Any, names: set[str]) -> dict[str, int]:
    return {each.name: each.allocation for each in volumes.facts(store, names)}


def _content(virt: Any, store: Any, lab: str, key: str) -> bytes | None:
    """The description's bytes, none if it can't be read; None if it was deleted meanwhile."""
    name = identity.warm_volume(lab, key, DESCRIPTION)
    try:
        return volumes.download(virt, store, name)
    except LabctlError:
        return b"" if volumes.find(store, name) else None


def _sized(warm: WarmSpec, sizes: dict[str, int]) -> WarmSpec:
    start = warm.volume("")
    return replace(warm, size=sum(size for name, size in sizes.items() if name.startswith(start)))


def parts(warm: WarmSpec) -> set[str]:
    """The volumes of a warm state but for its description."""
    of_vms = (volume for vm in warm.vms for volume in (vm.memory, vm.variables) if volume)
    return {*of_vms, *(each.volume for each in warm.disks)}


def stamps(store: Any, warm: WarmSpec) -> tuple[tuple[str, str], ...]:
    """By each of its volumes, and of its images, what changes when somebody writes to it.

    The stamp of a volume that is missing is empty.
    """
    below = {each.backing or "" for each in volumes.facts(store, {each.volume for each in warm.disks})}
    images = {path.rpartition("/")[2] for path in below if path}
    names = parts(warm) | images
    found = dict.fromkeys(names, "") | volumes.stamps(store, names, volumes.CONTENT_STAMP)
    return tuple(sorted(found.items()))


def leftovers(names: Iterable[str], lab: str = "") -> set[str]:
    """Those of the store's volumes that belong to no described warm state, as runs leave them that were killed."""
    found = _of_states(names, lab)
    whole = {(lab, key) for lab, key, part in found.values() if part == DESCRIPTION}
    return {name for name, part in found.items() if part[:2] not in whole}


def sweep(store: Any, warm: WarmSpec) -> None:
    """Delete what saves of the lab left in the store that did not come to their end, and all of this warm state.

    A save that lost libvirt may have come to its end without knowing it.
    """
    pools.refresh(store)
    for name in sorted(leftovers(volumes.names(store), warm.lab)):
        volumes.delete(store, name)
    delete(store, warm)


def delete(store: Any, warm: WarmSpec) -> None:
    """Delete its volumes, the description last: as long as that is there, this can be done again."""
    start, described = warm.volume(""), warm.volume(DESCRIPTION)
    own = {name for name in volumes.names(store) if name.startswith(start)}
    for name in (*sorted(own - {described}), described):
        volumes.delete(store, name)
