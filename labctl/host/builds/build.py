"""Images built from recipes, with mmdebstrap and the apt sources of this host.

An image is one ext4 file system without a boot loader; its kernel and initrd are separate files, for a direct kernel
boot. A bootable image is a disk with partitions and GRUB, without separate files.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import platform
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.host.builds import apt, bootstrap, partition
from labctl.host.builds.recipe import Recipe, catalogue_recipe, custom_recipe
from labctl.host.files import cache
from labctl.host.machine import command, lock

if TYPE_CHECKING:
    from collections.abc import Callable

    Notify = Callable[[str], None]

__all__ = ["BuiltImage", "Recipe", "build", "catalogue_recipe", "custom_recipe"]

WAIT_S = 3600.0  # how long to wait while another labctl builds the same image
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "setpriv": "util-linux",
}
KERNEL, INITRD, MANIFEST = bootstrap.KERNEL, bootstrap.INITRD, bootstrap.MANIFEST
IMAGE, FACTS = "image.qcow2", "facts.json"
SHOWN = 3  # how many packages a message names


@record
class BuiltImage:
    """A built image in the cache.

    `digests` gives the sha256 in hex of each file in `folder`; a bootable image has no kernel and no initrd there.
    `virtual_size` is in bytes. `cmdline` is the kernel's command line for a direct boot. `packages` gives the version
    of each package in the image, and `manifest` is the sha256 of `apt.manifest(packages)`.
    """

    key: str
    folder: Path
    digests: dict[str, str]
    virtual_size: int
    bootable: bool
    cmdline: str
    packages: dict[str, str]

    @property
    def manifest(self) -> str:
        return self.digests[MANIFEST]


def build(recipe: Recipe, notify: Notify, *, pinned: str = "") -> BuiltImage:
    """Build an image into the cache unless it is there already. A build takes a minute and 2 GB below /var/tmp.

    Args:
        recipe: the recipe.
        notify: is called with a sentence about each stage, and about packages with another version than apt resolved.
        pinned: the key that the image has to have. apt is then not asked if the image is in the cache.

    Raises:
        LabctlError: a tool is missing; mmdebstrap failed; the recipe or its packages' versions differ from `pinned`.
    """
    recipe = recipe.read()
    if pinned and not recipe.has_key(pinned):
        raise LabctlError(f"the recipe of {recipe.name} changed", hint="plan again")
    key = pinned or recipe.key
    done = cache.folder("builds") / key
    with lock.held(cache.lock_name(f"build of {key}"), wait_s=WAIT_S):
        built = _cached(done)
        if built is None:
            _require(recipe)
            _build_into(done, recipe, notify)
            built = _cached(done)
    if built is None:
        raise LabctlError("the built image changed while it was looked at", where=str(done))
    return built


def _build_into(done: Path, recipe: Recipe, notify: Notify) -> None:
    resolved = recipe.resolved()
    if recipe.key_with(resolved) != done.name:
        raise LabctlError(
            f"{recipe.name} can't be built as planned: apt knows other versions of its packages now",
            hint="plan again",
        )
    work = done.with_suffix(".work")
    shutil.rmtree(work, ignore_errors=True)  # a build that was killed leaves it
    work.mkdir(mode=0o700)
    try:
        _make(recipe, work, notify)
        for line in differences(resolved or {}, _packages(work)):
            notify(line)
        shutil.rmtree(done, ignore_errors=True)
        work.rename(done)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def differences(resolved: dict[str, str], packages: dict[str, str]) -> list[str]:
    """A message about packages whose version in the image isn't the one that apt resolved; empty without any."""
    other = [
        f"{name} {packages.get(name, 'is missing')}, not {version}"
        for name, version in sorted(resolved.items())
        if packages.get(name) != version
    ]
    more = f" and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
    shown = "; ".join(other[:SHOWN])
    return [f"packages are others than this host's lists had (apt update?): {shown}{more}"] if other else []


def _cached(folder: Path) -> BuiltImage | None:
    """The image of an earlier build, if its files still have the digests that were written down then."""
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        built = BuiltImage(key=folder.name, folder=folder, packages=_packages(folder), **facts)
        if {IMAGE, MANIFEST} <= built.digests.keys() and all(
            _digest(folder / name) == digest for name, digest in built.digests.items()
        ):
            return built
    except (OSError, ValueError, TypeError):
        return None
    return None


def _packages(folder: Path) -> dict[str, str]:
    lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def _require(recipe: Recipe) -> None:
    rootless = {} if os.geteuid() == 0 else {"newuidmap": "uidmap"}  # for mmdebstrap's --mode=unshare
    tools = {**TOOLS, **rootless, **(partition.tools(recipe.arch) if recipe.build.bootable else {})}
    missing = sorted({package for tool, package in tools.items() if not _present(tool)})
    if missing:
        raise LabctlError(
            f"building {recipe.name} needs {', '.join(missing)}",
            hint=f"apt install {' '.join(missing)}; elsewhere than on Debian or Ubuntu, use `image: {{url, sha512}}`",
        )
    if recipe.arch != platform.machine():
        raise LabctlError(f"{recipe.name} for {recipe.arch} can't be built on {platform.machine()}")
    if recipe.build.distribution == "ubuntu" and not apt.sources(recipe.build.suite, "ubuntu"):
        raise LabctlError(
            f"{recipe.name} can only be built where apt has the sources of that suite",
            hint="use `image: {url, sha256}` with one of Ubuntu's own cloud images",
        )


def _present(tool: str) -> bool:
    return Path(tool).exists() if "/" in tool else command.path(tool) is not None


def _make(recipe: Recipe, work: Path, notify: Notify) -> None:
    raw, bootable = work / "disk.raw", recipe.build.bootable
    # pack.sh writes to the open file: from its user namespace it can't enter this folder
    with raw.open("xb") as disk:
        disk.truncate(recipe.size)
        raw.chmod(0o666)
        if bootable:
            partition.write_table(raw)
        bootstrap.bootstrap(recipe, work, disk.fileno(), notify)
    if bootable:
        notify("installing GRUB")
        partition.install_grub(raw, recipe.arch)
    else:
        _unpack(work / INITRD)
    notify("compressing")
    # QEMU reads zstd since 5.1; it takes 3 s where zlib takes 17 s, for the same 150 MB
    options = ["-f", "raw", "-O", "qcow2", "-c", "-W", "-m", "8", "-o", "compression_type=zstd"]
    command.run(["qemu-img", "convert", *options, str(raw), str(work / IMAGE)], lambda _line: None)
    raw.unlink()
    (work / MANIFEST).write_text(apt.manifest(_packages(work)), encoding="utf-8")
    names = (IMAGE, MANIFEST, *(() if bootable else (KERNEL, INITRD)))
    facts = {
        "digests": {name: _digest(work / name) for name in names},
        "virtual_size": recipe.size,
        "bootable": bootable,
        "cmdline": recipe.cmdline,
    }
    (work / FACTS).write_text(json.dumps(facts), encoding="utf-8")


def _unpack(initrd: Path) -> None:
    """Decompress the initrd, since an emulated CPU takes longer to decompress it than to read it."""
    data = initrd.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        initrd.write_bytes(gzip.decompress(data))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
