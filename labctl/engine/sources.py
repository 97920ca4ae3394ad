"""Finds the image in the store for each `image:`, kernel and initrd of the Labfile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

from labctl.core import identity
from labctl.core.errors import LabctlError, NotMadeFor, Problem, Rejected
from labctl.core.record import field, record, replace
from labctl.core.size import format_sizes
from labctl.engine.pinning import Finder, Pinning, written
from labctl.kinds import addresses
from labctl.kinds.image import resolve
from labctl.kinds.image.store import ImageStore
from labctl.labfile.lockfile import Pin

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from labctl.core.host_reach import HostReach
    from labctl.host.hosts import Hosts
    from labctl.kinds.image.spec import ImageSpec
    from labctl.kinds.image.store import CheckedImage
    from labctl.labfile.lockfile import Lock
    from labctl.labfile.model import Disk, Image, LabModel, Vm

T = TypeVar("T")
Wanted = tuple["Image", str]  # an image of the Labfile, and an architecture
Stated = tuple["Vm", "Disk", Wanted]  # a disk that stands on one


@record
class Sources:
    """The specs of all images and blobs of the lab.

    `present` are those that are in their pools, also damaged ones. `pins` is the new content of the lock. `notes` are
    warnings and notes for the user. `reaches` are pins that send a name of the catalogue elsewhere.
    """

    images: dict[Wanted, ImageSpec] = field(default_factory=dict)
    blobs: dict[Path, ImageSpec] = field(default_factory=dict)
    present: tuple[ImageSpec, ...] = ()
    pins: Lock = field(default_factory=dict)
    notes: tuple[Problem, ...] = ()
    reaches: tuple[HostReach, ...] = ()


def resolve_images(hosts: Hosts, lab: LabModel, pinning: Pinning) -> Sources:
    """Find every image and blob.

    Raises:
        Rejected: images can't be read or are refused; the error has one problem for each.
    """
    looked = _look(hosts, {*pinning.in_use, *(pin.key for pin in pinning.lock.values())})
    stated = list(_stated(lab, hosts))
    finder = Finder(lab.folder, pinning, {key: each.spec for key, each in looked.items()}, [])
    wanted = [(vm, each, field_of_image(disk)) for vm, disk, each in stated]
    files = [(vm, getattr(vm.boot, name), ("boot", name)) for vm in lab.vms for name in ("kernel", "initrd")]
    problems: list[Problem] = []
    images = _each(lab, wanted, lambda each: finder.find(*each), problems)
    blobs = _each(lab, files, lambda path: _boot_file(path, lab), problems)
    if problems:
        raise Rejected(problems)
    _tell_apart(images, blobs)
    looked |= _look(hosts, {spec.key for spec in images.values()} - looked.keys())
    beside = _look_in_pool(hosts, lab, {spec.key for spec in blobs.values()})
    present = {key: each.spec for key, each in looked.items()}
    for each, spec in images.items():
        if spec.key in present:
            known = present[spec.key]
            images[each] = replace(
                spec, size=known.size, direct=known.direct, cmdline=known.cmdline, sound=True
            )
    if problems := [*_lost(lab, stated, images, present), *_too_small(lab, stated, images)]:
        raise Rejected(problems)
    pins = {
        (written(image, lab.folder), its): Pin(spec.key, _portable(spec, lab.folder), spec.size)
        for (image, its), spec in images.items()
    }
    notes = (*finder.notes, *_damaged(images.values(), looked), *_damaged(blobs.values(), beside))
    there = (*_present(images.values(), looked), *_present(blobs.values(), beside))
    return Sources(images, blobs, there, pins, notes, tuple(finder.reaches))


def _look(hosts: Hosts, keys: Collection[str]) -> dict[str, CheckedImage]:
    """Those of the keys which the stores of the hosts have."""
    return {key: each for host in hosts for key, each in ImageStore(host).look(keys).items()}


def _look_in_pool(hosts: Hosts, lab: LabModel, keys: Collection[str]) -> dict[str, CheckedImage]:
    """Those of the keys of kernels and initrds which the lab's pool has."""
    host = hosts.of(addresses.pool(lab.name))
    return ImageStore(host, identity.pool_name(lab.name)).look(keys)


def _present(specs: Iterable[ImageSpec], looked: Mapping[str, CheckedImage]) -> Iterator[ImageSpec]:
    """The specs of the images that were found, sound or not."""
    for spec in specs:
        if spec.key in looked:
            yield replace(spec, sound=not looked[spec.key].wrong)


def _damaged(specs: Iterable[ImageSpec], looked: Mapping[str, CheckedImage]) -> Iterator[Problem]:
    """Give a warning for each damaged image, with the VMs that use it."""
    for spec in {spec.key: spec for spec in specs}.values():
        each = looked.get(spec.key)
        if each and each.wrong:
            parts = {name.rpartition(".")[2]: why for name, why in sorted(each.wrong.items())}
            what = "; ".join(why if part == "img" else f"{part}: {why}" for part, why in parts.items())
            on_it = f"; on it stand {', '.join(each.users)}" if each.users else ""
            hint = (
                "what runs on it goes on with the damaged file until `labctl reload`" if each.running else ""
            )
            told = f"image {spec.label}: it is damaged in the store: {what}{on_it}"
            yield Problem(told, hint=hint, severity="warning")


def _boot_file(path: Path, lab: LabModel) -> ImageSpec:
    """The spec of a kernel or an initrd, which goes into the lab's own pool."""
    return replace(resolve.resolve_path(path, blob=True), lab=lab.name)


def field_of_image(disk: Disk) -> tuple[str, ...]:
    """The field of a VM that states the image of this disk."""
    return ("image",) if disk.name == "root" else ("disks", disk.name, "image")


def _portable(spec: ImageSpec, folder: Path) -> str:
    """The origin for the lock: relative paths, so that they are the same on other machines."""
    return os.path.relpath(spec.origin, os.path.realpath(folder)) if spec.source == "path" else spec.origin


def _each(
    lab: LabModel,
    sources: Iterable[tuple[Vm, T | None, tuple[str, ...]]],
    find: Callable[[T], ImageSpec],
    problems: list[Problem],
) -> dict[T, ImageSpec]:
    """Find each source once. For those that fail, a problem is added at the first field that names them."""
    specs: dict[T, ImageSpec] = {}
    failed: set[T] = set()
    for vm, source, path in sources:
        if source is None or source in specs or source in failed:
            continue
        try:
            specs[source] = find(source)
        except LabctlError as error:
            failed.add(source)
            problems.append(_problem(lab, error, vm, *path))
    return specs


def _problem(lab: LabModel, error: LabctlError, vm: Vm, *path: str) -> Problem:
    """The problem for an error with a field of a VM."""
    summary = str(error)
    if isinstance(error, NotMadeFor) and vm.arch is None:
        summary += ", the architecture of this libvirt host"
    return Problem(summary, ".".join(("vms", vm.base, *path)), lab.where("vms", vm.name, *path), error.hint)


def _lost(
    lab: LabModel, stated: Iterable[Stated], images: dict[Wanted, ImageSpec], present: dict[str, ImageSpec]
) -> Iterator[Problem]:
    """Give a problem for each imported image that is missing in the store, since labctl can't get it again."""
    seen: set[Wanted] = set()
    for vm, disk, each in stated:
        spec = images.get(each)
        there = present.get(spec.key) if spec else None
        if spec and spec.source == "store" and not (there and there.sound) and each not in seen:
            seen.add(each)
            state = "damaged in" if there else "not in"
            error = LabctlError(
                f"the image {each[0].name} was imported, and is {state} the store of this host",
                hint=f"`labctl image import FILE {each[0].name}` puts it there",
            )
            yield _problem(lab, error, vm, *field_of_image(disk))


def _too_small(lab: LabModel, stated: Iterable[Stated], images: dict[Wanted, ImageSpec]) -> Iterator[Problem]:
    """Give a problem for each disk that is smaller than its image; a VM with `count` has each once."""
    seen: set[object] = set()
    for vm, disk, each in stated:
        least = images[each].size if each in images else None
        field = ("disk",) if disk.name == "root" else ("disks", disk.name, "size")
        where = lab.where("vms", vm.name, *field)
        if disk.size and least and disk.size < least and where not in seen:
            seen.add(where)
            summary = "{} is less than the image's {}".format(*format_sizes(disk.size, least))
            yield Problem(summary, ".".join(("vms", vm.base, *field)), where, "leave it out, or write more")


def _stated(lab: LabModel, hosts: Hosts) -> Iterator[Stated]:
    """Every disk that stands on an image. A VM without an architecture has its host's."""
    for vm in lab.vms:
        for disk in vm.disks:
            if disk.image:
                arch = vm.arch or hosts.of(addresses.vm(vm.name)).capabilities.arch
                yield vm, disk, (disk.image, arch)


def _tell_apart(images: dict[Wanted, ImageSpec], blobs: dict[Path, ImageSpec]) -> None:
    """Add some digits of the key to the labels of different images with the same file name."""
    seen: dict[str, str] = {}
    for each, spec in list(images.items()):
        images[each] = _named(spec, seen)
    for path, spec in list(blobs.items()):
        blobs[path] = _named(spec, seen)


def _named(spec: ImageSpec, seen: dict[str, str]) -> ImageSpec:
    if seen.setdefault(spec.label, spec.key) == spec.key:
        return spec
    return replace(spec, label=f"{spec.label}-{spec.key.rpartition('-')[2][:6]}")
