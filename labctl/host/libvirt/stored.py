"""The volumes of a lab's pool by their owners. Volumes have no metadata, so names and backing files decide. Pure.

labctl's volumes are those of disks that the Labfile or a VM of the lab names, those that belong to these VMs (seeds,
logs, variables of UEFI), kernels and initrds, parts of snapshots, marks of copies, and root disks on an image of the
store, which a run that was killed may have left. Overlays on these disks are from snapshots, labctl's or someone's. All
other volumes are strangers, whatever their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.core import identity
from labctl.core.identity import console_log, disk_name, volume_name
from labctl.core.record import field, record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from labctl.core.questions import Chain
    from labctl.host.libvirt.volumes import Facts

# volumes that labctl makes for a VM besides its disks
BESIDE = (identity.SEED, identity.CONSOLE, identity.NVRAM, identity.GOLDEN, identity.GOLDEN_FLAT)
_PREFIXES = (identity.VOLUMES, identity.SNAPSHOTS, identity.COPIES)  # of volumes that are no VM's


@record
class Stored:
    """The volumes by their owners: `disks` by name (`web/root`), `seeds` as names of VMs, others as names of volumes.

    `overlays` has those of each disk. `beside` are all names that labctl may give to a VM's volumes besides its disks,
    rotated logs of consoles, and the volumes of kernels, initrds, snapshots and marks of copies.
    """

    disks: Mapping[str, Facts] = field(default_factory=dict)
    seeds: tuple[str, ...] = ()
    overlays: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    strangers: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()


def had(chains: Iterable[Chain]) -> set[str]:
    """The names of the volumes of disks with which VMs were defined."""
    shared = {volume_name(each.disk) for each in chains if each.disk and "/" not in each.disk}
    own = {f"{each.vm}/{each.name}" for each in chains if each.name not in BESIDE}
    return shared | set(map(volume_name, own))


def above(chains: Iterable[Chain], folder: str) -> dict[str, tuple[str, ...]]:
    """Disk of the pool in this folder → the paths of the overlays on it through which a VM writes, the top first."""
    found = {}
    for each in chains:
        own = f"{folder}/{volume_name(each.disk)}" if each.disk else ""
        if own in each.files[1:]:
            found[each.disk] = each.files[: each.files.index(own, 1)]
    return found


def sort(
    volumes: Iterable[Facts], known: Iterable[str], store: str | None, above: Mapping[str, Sequence[str]]
) -> Stored:
    """Sort the volumes of a pool by their owners.

    Args:
        volumes: all volumes of the pool.
        known: the volumes of disks that the Labfile or a VM names.
        store: the folder of the image store, None without one.
        above: disk → the overlays through which its VM writes.
    """
    there, told = {each.name: each for each in volumes}, frozenset(known)
    named = {name for name in there if name in told or _is_disk(there[name], store)}
    standing = _standing(there, named, above)
    disks = named - standing.keys()
    owners = {name.partition(".")[0] for name in disks | told}
    every = [f"{owner}.{what}" for owner in sorted(owners) for what in BESIDE]
    every += sorted(name for name in there if (log := console_log(name)) and log[1] and log[0] in owners)
    beside = (there.keys() & set(every)) - disks - standing.keys()
    of_lab = {
        name
        for name in there
        if identity.is_boot_file(name) or identity.snapshot_part(name) or identity.marked_copy(name)
    }
    of_lab -= disks | standing.keys()
    overlays: dict[str, list[str]] = {}
    for name, disk in sorted(standing.items()):
        overlays.setdefault(disk, []).append(name)
    golden = {
        name for name in beside if disk_name(name)
    }  # a run that was killed left it, and `up` removes it
    return Stored(
        {str(disk_name(name)): there[name] for name in sorted(disks | golden) if disk_name(name)},
        tuple(sorted(name.partition(".")[0] for name in beside if name.endswith(f".{identity.SEED}"))),
        {disk: tuple(names) for disk, names in overlays.items()},
        tuple(sorted(there.keys() - disks - beside - of_lab - standing.keys())),
        (*every, *sorted(of_lab)),
    )


def _standing(
    there: Mapping[str, Facts], named: set[str], above: Mapping[str, Sequence[str]]
) -> dict[str, str]:
    """Overlay → its disk. Names do not decide: a snapshot `seed` of the VM web makes the volume web.seed."""
    below = {each.path: each for each in there.values()}
    standing = {below[path].name: disk for disk, paths in above.items() for path in paths if path in below}
    disks = named - standing.keys()
    for name in sorted(there.keys() - standing.keys()):
        owner, _, what = name.partition(".")
        if owner in _PREFIXES or what in (identity.GOLDEN, identity.NVRAM):
            continue  # guests may write a backing file into raw files, and labctl itself puts golden overlays on disks
        if lowest := _stands_on(there[name], below, disks):
            standing[name] = str(disk_name(lowest))
            disks.discard(name)
    return standing


def _is_disk(facts: Facts, store: str | None) -> bool:
    owner, _, what = facts.name.partition(".")
    on_image = store is not None and (facts.backing or "").startswith(f"{store}/")
    return owner == identity.VOLUMES or (what == "root" and on_image)


def _stands_on(facts: Facts, below: Mapping[str, Facts], disks: set[str]) -> str:
    """The disk's volume at the end of an overlay's backing chain; empty without one."""
    seen, layer = {facts.name}, below.get(facts.backing or "")
    while layer is not None and layer.name not in seen:
        if layer.name in disks:
            return layer.name
        seen.add(layer.name)
        layer = below.get(layer.backing or "")
    return ""
