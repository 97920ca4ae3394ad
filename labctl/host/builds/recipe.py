"""Recipes of images: what labctl's own base and a catalogue's or Labfile's wishes add up to, and their digest.

`templates/images/base` is below every image: `DISTRIBUTION.json` with its packages and kernel command line, scripts
that mmdebstrap runs as hooks, and `files/` that are laid over the root before the kernel's initramfs is made. The
catalogue is `templates/images/NAME/recipe.json`.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from labctl import resources
from labctl.core.closest_matches import closest_matches
from labctl.core.errors import NotMadeFor, Rejected, UsageError
from labctl.core.record import record
from labctl.host.builds import apt
from labctl.host.builds.image_build import ImageBuild
from labctl.host.files import local

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.host.builds.image_build import File

VERSION = 2  # of what labctl does with a recipe; part of its digest
MIB = 1 << 20
HALF = 16  # hex digits of a key: so many say the recipe, so many the packages' versions


@record
class Recipe:
    """What to build, for one architecture: `arch` is libvirt's name of it, `debian_arch` dpkg's; `size` in bytes."""

    name: str
    wanted: ImageBuild
    arch: str
    debian_arch: str
    hostname: str
    packages: tuple[str, ...]
    size: int
    cmdline: str

    @property
    def folder(self) -> Path:
        """Where labctl's own part is."""
        return _images() / "base"

    @property
    def key(self) -> str:
        """`build-`, 16 hex digits of all that labctl puts in, and 16 of the versions that apt resolves now.

        The latter are zeros where this host's apt can't say. Takes a second or two after each `apt update`.

        Raises:
            LabctlError: a file can't be read, or the suite lacks a package.
        """
        return self.key_with(self.resolved())

    def key_with(self, versions: dict[str, str] | None) -> str:
        """The key for these versions of packages."""
        packages = apt.digest(versions)[:HALF] if versions else "0" * HALF
        return f"build-{self.own_digest()[:HALF]}{packages}"

    def resolved(self) -> dict[str, str] | None:
        """Package → version, as apt would install them now; None where this host's apt doesn't know the suite."""
        return apt.resolve(self.wanted.distribution, self.wanted.suite, self.debian_arch, self.packages)

    def made(self, key: str) -> bool:
        """Is that a key of this recipe, with whichever versions of packages? Quick, apt is not asked."""
        return key.removeprefix("build-")[:HALF] == self.own_digest()[:HALF]

    def own_digest(self) -> str:
        """sha256 in hex of the recipe, and of the content of all files that go in."""
        digest = hashlib.sha256(f"{VERSION} {self.arch}".encode())
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                digest.update(f"\0{path.relative_to(self.folder)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        wanted = self.wanted
        files = [[file.target, file.mode, hashlib.sha256(content(file)).hexdigest()] for file in wanted.files]
        stated = [wanted.distribution, wanted.suite, self.size, wanted.bootable, sorted(set(self.packages))]
        digest.update(json.dumps([*stated, sorted(files), wanted.run]).encode())
        return digest.hexdigest()


def recipe(name: str, arch: str) -> Recipe:
    """The catalogue's recipe of that name.

    Raises:
        UsageError: there is none.
        LabctlError: it is not made for that architecture.
    """
    known = sorted(path.parent.name for path in _images().glob("*/recipe.json"))
    if name not in known:
        near = closest_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"labctl builds {', '.join(known)}"
        raise UsageError(f"there is no recipe called {name}", hint=hint)
    text = json.loads((_images() / name / "recipe.json").read_text(encoding="utf-8"))
    wanted = ImageBuild(text["distribution"], text["suite"], size=text["size_gib"] << 30)
    return custom(wanted, arch, name)


def custom(wanted: ImageBuild, arch: str, name: str = "") -> Recipe:
    """The recipe of what a Labfile asks for; `name` is for messages. Quick: its files are not read, apt is not asked.

    Raises:
        Rejected: what is asked for makes no sense, with all problems, their paths relative to `build`.
        NotMadeFor: it is not made for that architecture.
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
        wanted=wanted,
        arch=arch,
        debian_arch=names["debian"],
        hostname=base["hostname"],
        packages=tuple(dict.fromkeys(package.format(**names) for package in packages)),
        size=-(-wanted.size // MIB) * MIB,
        cmdline=base["cmdline"].format(**names),
    )


def content(file: File) -> bytes:
    """What the file holds. LabctlError when it can't be read."""
    if file.source is None:
        return (file.content or "").encode()
    with local.told(f"can't read what becomes {file.target}", file.source):
        return file.source.read_bytes()


def _base(distribution: str) -> dict[str, Any]:
    text: dict[str, Any] = json.loads((_images() / "base" / f"{distribution}.json").read_text("utf-8"))
    return text


def _images() -> Path:
    return resources.folder("templates") / "images"
