"""Which image of the store each `image:`, kernel and initrd of the Labfile is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from labctl.core.errors import LabctlError, Problem, Rejected
from labctl.kinds.image import driver
from labctl.kinds.image.spec import ImageSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from labctl.host.connection import Connection
    from labctl.labfile.model import Image, Lab, Vm

T = TypeVar("T")
Images = dict["Image", ImageSpec]
Blobs = dict["Path", ImageSpec]


def resolve_images(connection: Connection, lab: Lab, arch: str) -> tuple[Images, Blobs, dict[str, ImageSpec]]:
    """Give the specs of all images and blobs of the lab, and by key what is complete in the store.

    Raises:
        Rejected: some of them can't be read or are refused, each with its place in the Labfile.
    """
    wanted = [(vm, disk.image, ("image",)) for vm in lab.vms for disk in vm.disks if disk.image]
    files = [(vm, getattr(vm.boot, name), ("boot", name)) for vm in lab.vms for name in ("kernel", "initrd")]
    problems: list[Problem] = []
    images = _each(lab, wanted, lambda image, vm: _resolve(image, vm.arch or arch), problems)
    blobs = _each(lab, files, lambda path, _vm: driver.resolve_path(path, blob=True), problems)
    if problems:
        raise Rejected(problems)
    _tell_apart(images, blobs)
    keys = {spec.key for spec in (*images.values(), *blobs.values())}
    present = driver.ImageDriver(connection).observe(keys) if keys else {}
    for image, spec in images.items():
        if spec.key in present:
            images[image] = replace(present[spec.key], label=spec.label)
    return images, blobs, {key: spec for key, spec in present.items() if key in keys}


def _each(
    lab: Lab,
    sources: Iterable[tuple[Vm, T | None, tuple[str, ...]]],
    resolve: Callable[[T, Vm], ImageSpec],
    problems: list[Problem],
) -> dict[T, ImageSpec]:
    """Resolve every source once; what can't be goes to the problems, with the first place that names it."""
    specs: dict[T, ImageSpec] = {}
    failed: set[T] = set()
    for vm, source, field in sources:
        if source is None or source in specs or source in failed:
            continue
        try:
            specs[source] = resolve(source, vm)
        except LabctlError as error:
            failed.add(source)
            problems.append(_problem(lab, error, vm.name, *field))
    return specs


def _resolve(image: Image, arch: str) -> ImageSpec:
    if image.path:
        return driver.resolve_path(image.path)
    if image.url:
        return driver.resolve_url(image.url, image.algorithm or "sha256", image.digest or "")
    return driver.resolve_name(image.name or "", arch)


def _problem(lab: Lab, error: LabctlError, vm: str, *field: str) -> Problem:
    return Problem(error.summary, ".".join(("vms", vm, *field)), lab.where("vms", vm, *field), error.hint)


def _tell_apart(images: Images, blobs: Blobs) -> None:
    """Two different images of one file name get a few digits of their keys."""
    seen: dict[str, str] = {}
    for image, spec in list(images.items()):
        images[image] = _named(spec, seen)
    for path, spec in list(blobs.items()):
        blobs[path] = _named(spec, seen)


def _named(spec: ImageSpec, seen: dict[str, str]) -> ImageSpec:
    if seen.setdefault(spec.label, spec.key) == spec.key:
        return spec
    return replace(spec, label=f"{spec.label}-{spec.key.rpartition('-')[2][:6]}")
