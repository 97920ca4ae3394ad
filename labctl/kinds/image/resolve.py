"""Which image a Labfile's `image:` is: its key, and its size where that is known before the image is there."""

from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from labctl.core.errors import LabctlError, NotMadeFor
from labctl.core.record import replace
from labctl.host.files.digests import file_digest
from labctl.kinds.image import catalogue
from labctl.kinds.image.spec import ImageSpec

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.host.builds.image_build import ImageBuild
    from labctl.host.builds.recipe import Recipe
    from labctl.kinds.image.catalogue import Entry

DIGEST_LENGTHS = {"sha256": 64, "sha512": 128}


def resolve_path(path: Path, *, blob: bool = False) -> ImageSpec:
    """The image in a file, known by its content, whose digest is remembered while the file is unchanged.

    LabctlError when it can't be read, or is refused; a `blob` (kernel, initrd) isn't looked into.
    """
    from labctl.host.files import os_errors
    from labctl.host.images import qcow2

    size = None if blob else qcow2.inspect(path).virtual_size
    with os_errors.translated("can't read it", path):
        digest = file_digest(path)
    return ImageSpec(path.name, f"sha256-{digest}", "path", str(path.absolute()), size, blob=blob)


def resolve_url(url: str, algorithm: str, digest: str) -> ImageSpec:
    """The image that the URL gives, known by the digest that it must have. LabctlError for what can't be right."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise LabctlError(f"{url} is no https address", hint="images are downloaded over https only")
    digest = digest.lower()
    if len(digest) != DIGEST_LENGTHS.get(algorithm) or set(digest) - set("0123456789abcdef"):
        raise LabctlError(
            f"{digest or 'nothing'} is no {algorithm}", hint="copy it from the checksum file beside the image"
        )
    label = PurePosixPath(unquote(parts.path)).name or parts.hostname
    if not label.isprintable():  # it goes to terminals
        label = PurePosixPath(parts.path).name
    return ImageSpec(label, f"{algorithm}-{digest}", "url", url)


def resolve_name(name: str, arch: str) -> ImageSpec:
    """The image that the catalogue has under that name, by the digest that its vendor publishes now.

    LabctlError for a name it doesn't know, an architecture that it is not for, and a vendor that can't be asked.
    """
    entry = catalogue.entry(name)
    if arch not in entry.architectures:
        raise NotMadeFor(name, arch, entry.architectures)
    if digest := entry.digests.get(arch):
        return pinned(entry, arch, digest, entry.urls.get(arch, ""))
    if arch not in entry.checksums or arch not in entry.urls:
        if not entry.build:
            hint = f"add checksums or digests to {entry.file}"
            raise LabctlError(f"nothing tells the digest of {name} for {arch}", hint=hint)
        return _recipe(entry, arch)
    try:
        key = _published(entry.checksums[arch], entry.urls[arch])
    except LabctlError:
        if not entry.build:
            raise
        return _recipe(entry, arch)  # made of packages where it can't be downloaded
    return pinned(entry, arch, key, entry.urls[arch])


def pinned(entry: Entry, arch: str, key: str, origin: str, size: int | None = None) -> ImageSpec:
    """The image of that name which has this key."""
    if key.startswith("build-"):
        return _recipe(entry, arch, key)
    return ImageSpec(
        entry.name,
        key,
        "url" if origin else "store",
        origin,
        size,
        arch=arch,
        firmware=entry.firmware_of(arch),
        cpu=entry.cpu,
        memory=entry.memory,
    )


@cache
def _published(where: str, url: str) -> str:
    """The key that the vendor's checksum file gives the image; asked once, an `up` plans twice."""
    from labctl.host.downloads import checksums, download
    from labctl.host.downloads.https import RetryPolicy

    asking = RetryPolicy(attempts=1, stall_s=10.0, connect_s=5.0)  # a plan can't wait long for a vendor
    name = PurePosixPath(urlsplit(url).path).name
    found = checksums.find(download.fetch_text(where, policy=asking), name, where)
    return f"{found.algorithm}-{found.digest}"


def resolve_recipe(name: str, arch: str, key: str = "") -> ImageSpec:
    """The image that labctl's recipe of that name builds, with the packages' versions of the key, or those now.

    LabctlError when there is none.
    """
    from labctl.host.builds.recipe import catalogue_recipe

    return _built(catalogue_recipe(name, arch), name, key)


def resolve_build(wanted: ImageBuild, label: str, arch: str, key: str = "") -> ImageSpec:
    """The image that a Labfile's `build:` states, likewise. LabctlError when it can't be built."""
    from labctl.host.builds.recipe import custom_recipe

    return replace(_built(custom_recipe(wanted, arch, label), label, key), wanted=wanted)


def made_by(spec: ImageSpec) -> bool:
    """Whether the recipe of a spec that is built is still the one that its key tells."""
    return recipe_of(spec).has_key(spec.key)


def recipe_of(spec: ImageSpec) -> Recipe:
    """The recipe of a spec that is built: the Labfile's, or labctl's own of that name."""
    from labctl.host.builds.recipe import catalogue_recipe, custom_recipe

    return custom_recipe(spec.wanted, spec.arch) if spec.wanted else catalogue_recipe(spec.origin, spec.arch)


def _recipe(entry: Entry, arch: str, key: str = "") -> ImageSpec:
    return replace(resolve_recipe(entry.build, arch, key), label=entry.name, memory=entry.memory)


def _built(recipe: Recipe, label: str, key: str) -> ImageSpec:
    return ImageSpec(
        label,
        key or recipe.key,
        "build",
        label,
        recipe.size,
        direct=not recipe.build.bootable,
        cmdline="" if recipe.build.bootable else recipe.cmdline,
        arch=recipe.arch,
    )
