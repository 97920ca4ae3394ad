"""Recipes of images: labctl's base together with an entry of the catalogue or a Labfile's `build:`, and their digest.

`templates/images/base` is the base of every image: `DISTRIBUTION.json` has packages and the kernel's command line,
mmdebstrap runs the scripts as hooks, and `files/` is copied into the root before the initramfs is made. The catalogue's
recipes are `templates/images/NAME/recipe.json`.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from labctl import resources
from labctl.core.closest_matches import closest_matches
from labctl.core.errors import NotMadeFor, Rejected, UsageError
from labctl.core.record import record, replace
from labctl.host.builds import apt
from labctl.host.builds.image_build import ImageBuild
from labctl.host.files import os_errors
from labctl.host.files.regular import open_real

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.host.builds.image_build import File

VERSION = 2  # of the way labctl builds a recipe; part of the digest
MIB = 1 << 20
HALF = 16  # hex digits; the first half of a key stands for the recipe, the second for the packages' versions


@record
class Recipe:
    """A complete recipe for one architecture.

    `arch` is libvirt's name of the architecture, `debian_arch` dpkg's. `packages` has those of the base too. `size` is
    in bytes, a multiple of 1 MiB.
    """

    name: str
    build: ImageBuild
    arch: str
    debian_arch: str
    hostname: str
    packages: tuple[str, ...]
    size: int
    cmdline: str

    @property
    def folder(self) -> Path:
        """The folder of labctl's base."""
        return _images() / "base"

    @property
    def key(self) -> str:
        """`build-`, 16 hex digits for the recipe, and 16 for the versions that apt resolves now.

        The latter are zeros if this host's apt doesn't know the suite. Takes a second or two after each `apt update`.

        Raises:
            LabctlError: a file can't be read, or the suite lacks a package.
        """
        return self.key_with(self.resolved())

    def key_with(self, versions: dict[str, str] | None) -> str:
        """The key for these versions of the packages."""
        packages = apt.digest(versions)[:HALF] if versions else "0" * HALF
        return f"build-{self.digest_without_versions()[:HALF]}{packages}"

    def resolved(self) -> dict[str, str] | None:
        """Package → version that apt would install now; None if this host's apt doesn't know the suite."""
        return apt.resolve(self.build.distribution, self.build.suite, self.debian_arch, self.packages)

    def has_key(self, key: str) -> bool:
        """Whether this is a key of this recipe, with any versions of its packages. Quick: apt is not asked."""
        return key.removeprefix("build-")[:HALF] == self.digest_without_versions()[:HALF]

    def read(self) -> Recipe:
        """The recipe with the content of its files, so that the key is that of what goes into the image.

        Others may write to the files meanwhile.
        """
        files = tuple(replace(file, source=None, content=content(file)) for file in self.build.files)
        return replace(self, build=replace(self.build, files=files))

    def digest_without_versions(self) -> str:
        """The sha256 in hex of the recipe and of the content of all its files, without the packages' versions."""
        digest = hashlib.sha256(f"{VERSION} {self.arch}".encode())
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                digest.update(f"\0{path.relative_to(self.folder)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        wanted = self.build
        files = [[file.target, file.mode, hashlib.sha256(content(file)).hexdigest()] for file in wanted.files]
        stated = [wanted.distribution, wanted.suite, self.size, wanted.bootable, sorted(set(self.packages))]
        digest.update(json.dumps([*stated, sorted(files), wanted.run]).encode())
        return digest.hexdigest()


def catalogue_recipe(name: str, arch: str) -> Recipe:
    """Read the catalogue's recipe of a name.

    Raises:
        UsageError: the catalogue has no such recipe.
        LabctlError: the image is not built for that architecture.
    """
    known = sorted(path.parent.name for path in _images().glob("*/recipe.json"))
    if name not in known:
        near = closest_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"labctl builds {', '.join(known)}"
        raise UsageError(f"there is no recipe called {name}", hint=hint)
    text = json.loads((_images() / name / "recipe.json").read_text(encoding="utf-8"))
    wanted = ImageBuild(text["distribution"], text["suite"], size=text["size_gib"] << 30)
    return custom_recipe(wanted, arch, name)


def custom_recipe(wanted: ImageBuild, arch: str, name: str = "") -> Recipe:
    """Make the recipe of a Labfile's `build:`; messages use `name`. Quick: no file is read, and apt is not asked.

    Raises:
        Rejected: all problems of the build, with paths relative to `build`.
        NotMadeFor: the image is not built for that architecture.
    """
    if problems := wanted.problems():
        raise Rejected(problems)
    name = name or f"{wanted.distribution}-{wanted.suite}"
    base = _base(wanted.distribution)
    names = base["architectures"].get(arch)
    if names is None:
        raise NotMadeFor(name, arch, base["architectures"])
    packages = [*base["packages"], *(base["bootable"] if wanted.bootable else []), *wanted.packages]
    return Recipe(
        name=name,
        build=wanted,
        arch=arch,
        debian_arch=names["debian"],
        hostname=base["hostname"],
        packages=tuple(dict.fromkeys(package.format(**names) for package in packages)),
        size=-(-wanted.size // MIB) * MIB,
        cmdline=base["cmdline"].format(**names),
    )


def content(file: File) -> bytes:
    """The content of a file of the image. LabctlError when its source can't be read."""
    if file.source is None:
        return file.content if isinstance(file.content, bytes) else (file.content or "").encode()
    failing = f"can't read what becomes {file.target}"
    with os_errors.translated(failing, file.source), open_real(file.source) as source:
        return source.read()


def _base(distribution: str) -> dict[str, Any]:
    text: dict[str, Any] = json.loads((_images() / "base" / f"{distribution}.json").read_text("utf-8"))
    return text


def _images() -> Path:
    return resources.folder("templates") / "images"
