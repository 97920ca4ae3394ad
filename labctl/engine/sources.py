"""Which image of the store each `image:`, kernel and initrd of the Labfile is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError, Problem, Rejected
from labctl.kinds.image import driver
from labctl.kinds.image.spec import ImageSpec

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.host.connection import Connection
    from labctl.labfile.model import Image, Lab

Images = dict["Image", ImageSpec]
Blobs = dict["Path", ImageSpec]


def resolve_images(connection: Connection, lab: Lab, arch: str) -> tuple[Images, Blobs, dict[str, ImageSpec]]:
    """Give the specs of all images and blobs of the lab, and by key what is complete in the store.

    Raises:
        Rejected: some of them can't be read or are refused, each with its place in the Labfile.
    """
    images: Images = {}
    blobs: Blobs = {}
    problems: list[Problem] = []
    for vm in lab.vms:
        for disk in vm.disks:
            if disk.image and disk.image not in images:
                try:
                    images[disk.image] = _resolve(disk.image, vm.arch or arch)
                except LabctlError as error:
                    problems.append(_problem(lab, error, vm.name, "image"))
        for field in ("kernel", "initrd"):
            path: Path | None = getattr(vm.boot, field)
            if path and path not in blobs:
                try:
                    blobs[path] = driver.resolve_path(path, blob=True)
                except LabctlError as error:
                    problems.append(_problem(lab, error, vm.name, "boot", field))
    if problems:
        raise Rejected(problems)
    _tell_apart(images, blobs)
    keys = {spec.key for spec in (*images.values(), *blobs.values())}
    present = driver.ImageDriver(connection).observe(keys) if keys else {}
    for image, spec in images.items():
        if spec.key in present:
            images[image] = replace(present[spec.key], label=spec.label)
    return images, blobs, {key: spec for key, spec in present.items() if key in keys}


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
    for specs in (images, blobs):
        for source, spec in list(specs.items()):  # type: ignore[attr-defined]  # both are dicts of specs
            if seen.setdefault(spec.label, spec.key) != spec.key:
                specs[source] = replace(spec, label=f"{spec.label}-{spec.key.rpartition('-')[2][:6]}")  # type: ignore[index]
