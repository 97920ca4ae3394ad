"""The key of a warm state, and the lab that begins with one. Pure.

The key is a digest of everything that goes into a lab. What the wanted specs have is in it, whatever that is, so that a
new field can't be forgotten. Its parts are there to say what differs. All are made with the key of the lab's digests:
other users of the host can read the names of volumes, and the key is in them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from enum import Enum
from typing import TYPE_CHECKING, Any

from labctl.core.record import is_record, replace, values
from labctl.core.spec import of_kind
from labctl.core.unquoted import Unquoted
from labctl.kinds.disk.spec import DiskSpec
from labctl.kinds.image.spec import ImageSpec
from labctl.kinds.vm.disks_and_nics import SavedMemory
from labctl.kinds.vm.spec import VmSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labctl.core.address import Address
    from labctl.core.spec import Spec
    from labctl.engine.allocation import Allocation
    from labctl.engine.compose import Site
    from labctl.kinds.warm.spec import WarmSpec
    from labctl.labfile.model import LabModel

Parts = tuple[tuple[str, str], ...]
_PLACE = ("path", "folder")
# fields of the Labfile itself that make no lab; what is called the same in its VMs and networks counts
_IDLE = ("positions", "outside", "written", "description", "warm")


def counted(site: Site, secret: bytes) -> Site:
    """A site as it counts for the key: without what is known of an image only once it is in the store.

    `secret` is the key of its digests.
    """
    return replace(
        site,
        secret=secret,
        images={each: _counted(image) for each, image in site.images.items()},
        blobs={path: _counted(image) for path, image in site.blobs.items()},
    )


def _counted(image: ImageSpec) -> ImageSpec:
    """An image as it counts: how it comes into the store, and what that tells of it, follows from its key."""
    return replace(
        image, source="store", origin="", size=None, direct=False, cmdline="", wanted=None, sound=True
    )


def given(allocation: Allocation) -> Allocation:
    """The addresses that labctl gives, without those that only guests know, once they run."""
    return replace(allocation, nics={each: replace(nic, seen=()) for each, nic in allocation.nics.items()})


def parts(
    lab: LabModel,
    allocation: Allocation,
    specs: Mapping[Address, Spec],
    others: Mapping[str, Any],
    secret: bytes,
) -> Parts:
    """The digests of what goes into a lab, by what they are of, in the order in which differences are told.

    Args:
        lab: the Labfile, before references are filled in.
        allocation: the addresses.
        specs: the wanted specs, with digests made with `secret`.
        others: what no spec has, by what it is; `labctl` is what tells one labctl from another.
        secret: the key of the lab's digests.

    The Labfile's place counts by itself, and not only by what the specs have of it: on a host that several people use,
    each has labs of their own, whose guests know their keys, even where their Labfiles say the same.
    """
    images = sorted(image.key for image in of_kind(specs.values(), ImageSpec))
    labfile = {name: value for name, value in values(lab).items() if name not in (*_IDLE, *_PLACE)}
    for section in ("networks", "volumes", "vms"):
        labfile[section] = sorted(labfile[section], key=lambda each: str(each.name))
    composed = sorted(specs.values(), key=lambda each: str(each.address))
    place = [getattr(lab, name) for name in _PLACE]
    given = [allocation.networks, allocation.nics]  # the seeds, which are among the others, follow from them
    told: dict[str, Any] = {
        "place": place,
        "Labfile": labfile,
        "images": images,
        "addresses": given,
        **others,
    }
    told["labctl"] = [composed, told.pop("labctl", None)]
    return tuple((name, digest(value, secret)) for name, value in told.items())


def key(parts: Parts) -> str:
    """The key by its parts: 16 hex digits."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def digest(value: Any, secret: bytes) -> str:
    """A keyed digest of any value that specs have: it differs where the value does, and is the same in each process."""
    return hmac.new(secret, json.dumps(_plain(value)).encode(), "sha256").hexdigest()


def _plain(value: Any) -> Any:
    """The value in JSON's terms, with the names of other types."""
    if is_record(value):
        return [type(value).__name__, _plain(values(value))]
    if isinstance(value, dict):
        return {"map": sorted(json.dumps([_plain(name), _plain(each)]) for name, each in value.items())}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, set | frozenset):
        return {"set": sorted(json.dumps(_plain(each)) for each in value)}
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, Enum | Unquoted)):
        return value
    return [type(value).__name__, str(value)]


def begun_with(warm: WarmSpec, wanted: Mapping[Address, Spec], store: str) -> dict[Address, Spec]:
    """The wanted specs where the lab begins with a warm state, whose volumes are in the folder `store`."""
    memories = {
        vm.name: SavedMemory(f"{store}/{vm.memory}", warm.moment, vm.bytes, vm.variables) for vm in warm.vms
    }
    disks = {each.name: each.volume for each in warm.disks}
    behind = _roots(of_kind(wanted.values(), VmSpec))
    begun = dict(wanted)
    for vm in of_kind(wanted.values(), VmSpec):
        if vm.name in memories:
            begun[vm.address] = replace(vm, saved=memories[vm.name])
    for disk in of_kind(wanted.values(), DiskSpec):
        saved = disks.get(disk.name, "")
        begun[disk.address] = replace(disk, saved=saved, behind=behind.get(disk.name, ()) if saved else ())
    return begun


def _roots(vms: Iterable[VmSpec]) -> dict[str, tuple[str, ...]]:
    """Disk → the disks with the systems of the VMs that have it, without itself."""
    roots: dict[str, tuple[str, ...]] = {}
    for vm in vms:
        root = f"{vm.name}/root"
        for use in vm.disks:
            if use.disk not in ("", root):
                roots[use.disk] = (*roots.get(use.disk, ()), root)
    return roots
