"""Which version of an image is used: the pinned one, the one that the lab's disks use, else the present one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError, Problem
from labctl.core.host_reach import Deed, HostReach
from labctl.core.record import field, record, replace
from labctl.kinds.image import catalogue, resolve

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from labctl.kinds.image.catalogue import Entry
    from labctl.kinds.image.spec import ImageSpec
    from labctl.labfile.lockfile import Lock, Pin
    from labctl.labfile.model import Image

NO_PIN = "it is not in Labfile.lock"


@record
class Pinning:
    """The pins that decide which version of an image is used.

    With `locked`, an image that is not in `lock` is an error. `in_use` are the keys of the images of the lab's existing
    disks: an image without a pin keeps its key.
    """

    lock: Lock
    locked: bool = False
    in_use: Collection[str] = ()


def written(image: Image, folder: Path) -> str:
    """The name of an image in the Labfile and its lock: its name, URL, or path relative to the Labfile's folder."""
    if image.build:
        return image.label
    return image.name or image.url or os.path.relpath(str(image.path), os.path.realpath(folder))


@record
class Finder:
    """Finds one image at a time.

    `present` are the pinned and used images in the store, also damaged ones, by key. `reaches` collects the pins that
    send a name of the catalogue elsewhere.
    """

    folder: Path
    pinning: Pinning
    present: dict[str, ImageSpec]
    notes: list[Problem]
    reaches: list[HostReach] = field(default_factory=list)

    def find(self, image: Image, arch: str) -> ImageSpec:
        pin = self.pinning.lock.get((written(image, self.folder), arch))
        if self.pinning.locked and pin is None:
            raise LabctlError(NO_PIN, hint="run without --locked, or `labctl image update`")
        if image.name:
            return self._named(image.name, arch, pin)
        if image.path:
            return self._at(image.path, pin)
        if image.build:
            return self._built(image, arch, pin)
        spec = resolve.resolve_url(str(image.url), image.algorithm or "sha256", image.digest or "")
        if pin and pin.key == spec.key:
            return replace(spec, size=pin.size)
        if self.pinning.locked:
            raise LabctlError("its digest is not the one in Labfile.lock", hint="run without --locked")
        return spec

    def _named(self, name: str, arch: str, pin: Pin | None) -> ImageSpec:
        entry = catalogue.entry(name)
        if pin:
            self._look_at_origin(entry, arch, pin)
            return self._known(resolve.pinned(entry, arch, pin.key, pin.origin, pin.size))
        if key := self._in_use(name, arch):
            kept = self.present[key]
            origin = kept.origin if kept.source == "url" else ""  # not the path of an imported file
            return resolve.pinned(entry, arch, key, origin, kept.size)
        spec = resolve.resolve_name(name, arch)
        if spec.source == "build" and entry.urls:
            self.notes.append(
                Problem(
                    f"image {name}: its vendor can't be asked, so it is built from packages", severity="note"
                )
            )
        return spec

    def _look_at_origin(self, entry: Entry, arch: str, pin: Pin) -> None:
        """A lock may come from somebody else: an origin that is not the catalogue's own needs a yes."""
        own = entry.urls.get(arch, "")
        if pin.origin in ("", own) or pin.key.startswith("build-"):
            return
        if not pin.origin.startswith("https://"):
            raise LabctlError(
                f"Labfile.lock has it from {pin.origin}, which is no https address",
                hint="`labctl image update` pins it anew",
            )
        why = f"{entry.name} would not come from {own or 'the store'}, as the catalogue has it"
        path = f"images.{entry.name}.{arch}.origin"
        self.reaches.append(HostReach(Deed.GIVES, pin.origin, path, "Labfile.lock", why, pin.key))

    def _built(self, image: Image, arch: str, pin: Pin | None) -> ImageSpec:
        assert image.build is not None  # the caller's condition
        kept = pin.key if pin else self._in_use(image.label, arch)
        spec = resolve.resolve_build(image.build, image.label, arch, kept)
        return self._known(spec) if pin else spec

    def _in_use(self, label: str, arch: str) -> str:
        """The key of the image with this label that the lab's disks use; empty where there is none."""
        return next(
            (
                each.key
                for each in self.present.values()
                if (each.label, each.arch) == (label, arch) and each.key in self.pinning.in_use
            ),
            "",
        )

    def _known(self, spec: ImageSpec) -> ImageSpec:
        """Check that a pinned image that labctl builds is in the store, or that its recipe has not changed."""
        if spec.source == "build" and spec.key not in self.present and not resolve.recipe_is_unchanged(spec):
            raise LabctlError(
                "its recipe is not the one that Labfile.lock pins",
                hint="restore what changed, or `labctl image update` to take the new one",
            )
        return spec

    def _at(self, path: Path, pin: Pin | None) -> ImageSpec:
        spec = resolve.resolve_path(path)
        if pin is None or pin.key == spec.key:
            return spec
        if pin.key in self.present:
            self.notes.append(
                Problem(
                    f"image {path.name}: the file changed, and Labfile.lock keeps what it was",
                    hint="`labctl image update` takes the new one",
                    severity="note",
                )
            )
            return replace(self.present[pin.key], label=spec.label)
        raise LabctlError(
            f"{path.name} is not what Labfile.lock pins: it is {spec.key}, not {pin.key}",
            hint="restore the file, or `labctl image update` to take the new one",
        )
