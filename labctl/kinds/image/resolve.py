"""The spec of the image that a Labfile's `image:` names: its key, and its size if that is known before a download."""

from __future__ import annotations

from functools import cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from labctl.core.errors import LabctlError, NotMadeFor
from labctl.core.record import replace
from labctl.host.files import os_errors
from labctl.host.files.digests import file_digest
from labctl.host.files.regular import open_real
from labctl.host.images import boot_files, qcow2
from labctl.host.images.untrusted import opened_file
from labctl.kinds.image import catalogue
from labctl.kinds.image.spec import ImageSpec

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.host.builds.image_build import ImageBuild
    from labctl.host.builds.recipe import Recipe
    from labctl.kinds.image.catalogue import Entry

DIGEST_LENGTHS = {"sha256": 64, "sha512": 128}


def resolve_path(path: Path, *, blob: bool = False) -> ImageSpec:
    """The spec of the image in a local file, with the digest of its content as key.

    `path` is a real one: links are not followed. A `blob` is a kernel or an initrd. LabctlError when the file can't be
    read or used.
    """
    with opened_file(path, open_real) as (file, length):
        if blob:
            boot_files.inspect_file(file, length, path)
        size = None if blob else qcow2.inspect_file(file, length, str(path)).virtual_size
    with os_errors.translated("can't read it", path):
        digest = file_digest(path, open_real)
    return ImageSpec(path.name, f"sha256-{digest}", "path", str(path), size, blob=blob)


def resolve_url(url: str, algorithm: str, digest: str) -> ImageSpec:
    """The spec of the image at a URL, which must have this digest. LabctlError if URL or digest can't be right."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise LabctlError(f"{url} is no https address", hint="images are downloaded over https only")
    digest = digest.lower()
    if len(digest) != DIGEST_LENGTHS.get(algorithm) or set(digest) - set("0123456789abcdef"):
        raise LabctlError(
            f"{digest or 'nothing'} is no {algorithm}", hint="copy it from the checksum file beside the image"
        )
    label = PurePosixPath(unquote(parts.path)).name or parts.hostname
    if not label.isprintable():  # terminals show the label
        label = PurePosixPath(parts.path).name
    return ImageSpec(label, f"{algorithm}-{digest}", "url", url)


def resolve_name(name: str, arch: str) -> ImageSpec:
    """The spec of the catalogue's image of a name, with the digest that its vendor publishes now.

    LabctlError if the catalogue lacks the name or the architecture, or the vendor's checksums can't be downloaded.
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
        return _recipe(entry, arch)  # an image that can't be downloaded is built from packages
    return pinned(entry, arch, key, entry.urls[arch])


def pinned(entry: Entry, arch: str, key: str, origin: str, size: int | None = None) -> ImageSpec:
    """The spec of a catalogue's image whose key is known, as from a lock file."""
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
    """The image's key by the vendor's checksum file, which is downloaded once in a run, although `up` plans twice."""
    from labctl.host.downloads import checksums, download  # httpx takes long to import
    from labctl.host.downloads.https import RetryPolicy

    asking = RetryPolicy(attempts=1, stall_s=10.0, connect_s=5.0)  # a plan can't wait long for a vendor
    name = PurePosixPath(urlsplit(url).path).name
    found = checksums.find(download.fetch_text(where, policy=asking), name, where)
    return f"{found.algorithm}-{found.digest}"


def resolve_recipe(name: str, arch: str, key: str = "") -> ImageSpec:
    """The spec of the image that labctl's recipe of a name builds, with this key or the key of today's versions.

    LabctlError when there is no such recipe.
    """
    from labctl.host.builds.recipe import catalogue_recipe  # few runs build images

    return _built(catalogue_recipe(name, arch), name, key)


def resolve_build(wanted: ImageBuild, label: str, arch: str, key: str = "") -> ImageSpec:
    """The spec of the image that a Labfile's `build:` describes. LabctlError when it can't be built."""
    from labctl.host.builds.recipe import custom_recipe  # few runs build images

    return replace(_built(custom_recipe(wanted, arch, label), label, key), wanted=wanted)


def recipe_is_unchanged(spec: ImageSpec) -> bool:
    """Whether a built image's recipe is still the one of its key."""
    return recipe_of(spec).has_key(spec.key)


def recipe_of(spec: ImageSpec) -> Recipe:
    """The recipe of a built image: the Labfile's, or labctl's own."""
    from labctl.host.builds.recipe import catalogue_recipe, custom_recipe  # few runs build images

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
