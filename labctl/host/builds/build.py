"""Images built from recipes with mmdebstrap and this host's own apt sources.

An image is one ext4 file system without a boot loader, whose kernel and initrd lie beside it and are booted directly;
a bootable one is a disk with partitions and GRUB, and nothing lies beside it.
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
from labctl.host.builds.recipe import Recipe, custom, recipe
from labctl.host.files import cache
from labctl.host.machine import command, lock

if TYPE_CHECKING:
    from collections.abc import Callable

    Tell = Callable[[str], None]

__all__ = ["Built", "Recipe", "build", "custom", "recipe"]

WAIT_S = 3600.0  # for another labctl that builds the same
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "setpriv": "util-linux",
}
KERNEL, INITRD, MANIFEST = bootstrap.KERNEL, bootstrap.INITRD, bootstrap.MANIFEST
IMAGE, FACTS = "image.qcow2", "facts.json"
SHOWN = 3  # packages in a message


@record
class Built:
    """What came out: the files' names in `folder` → sha256 in hex, without kernel and initrd where it is bootable.

    `virtual_size` in bytes; `cmdline` is for a direct boot, GRUB has it already. `packages` are all that is in it, with
    their versions; `manifest` is the sha256 of `apt.manifest(packages)`.
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


def build(wanted: Recipe, tell: Tell, *, pinned: str = "") -> Built:
    """The built image in the cache, made unless it is there whole; takes a minute and 2 GB below /var/tmp.

    Args:
        wanted: the recipe.
        tell: is given what goes on, and which packages came out otherwise than apt had resolved.
        pinned: the key that it has to have. With it apt is not asked when the image is in the cache.

    Raises:
        LabctlError: missing tools; mmdebstrap's last lines when it fails; the recipe or the versions of its packages
            are not what is pinned.
    """
    if pinned and not wanted.made(pinned):
        raise LabctlError(f"the recipe of {wanted.name} changed", hint="plan again")
    key = pinned or wanted.key
    done = cache.folder("builds") / key
    with lock.held(f"build of {key}", wait_s=WAIT_S):
        built = _cached(done)
        if built is None:
            _require(wanted)
            _build_into(done, wanted, tell)
            built = _cached(done)
    if built is None:
        raise LabctlError("the built image changed while it was looked at", where=str(done))
    return built


def _build_into(done: Path, wanted: Recipe, tell: Tell) -> None:
    resolved = wanted.resolved()
    if wanted.key_with(resolved) != done.name:
        raise LabctlError(
            f"{wanted.name} can't be built as planned: apt knows other versions of its packages now",
            hint="plan again",
        )
    work = done.with_suffix(".work")
    shutil.rmtree(work, ignore_errors=True)  # of a build that was killed
    work.mkdir(mode=0o700)
    try:
        _make(wanted, work, tell)
        for line in differences(resolved or {}, _packages(work)):
            tell(line)
        shutil.rmtree(done, ignore_errors=True)
        work.rename(done)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def differences(resolved: dict[str, str], packages: dict[str, str]) -> list[str]:
    """What to tell where packages came out otherwise than apt had resolved: a line, or none."""
    other = [
        f"{name} {packages.get(name, 'is missing')}, not {version}"
        for name, version in sorted(resolved.items())
        if packages.get(name) != version
    ]
    more = f" and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
    shown = "; ".join(other[:SHOWN])
    return [f"packages are others than this host's lists had (apt update?): {shown}{more}"] if other else []


def _cached(folder: Path) -> Built | None:
    """What an earlier build left, if its files still have the digests written down then."""
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        built = Built(key=folder.name, folder=folder, packages=_packages(folder), **facts)
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


def _require(wanted: Recipe) -> None:
    rootless = {} if os.geteuid() == 0 else {"newuidmap": "uidmap"}  # for mmdebstrap's --mode=unshare
    tools = {**TOOLS, **rootless, **(partition.tools(wanted.arch) if wanted.wanted.bootable else {})}
    missing = sorted({package for tool, package in tools.items() if not _present(tool)})
    if missing:
        raise LabctlError(
            f"building {wanted.name} needs {', '.join(missing)}",
            hint=f"apt install {' '.join(missing)}; elsewhere than on Debian or Ubuntu, use `image: {{url, sha512}}`",
        )
    if wanted.arch != platform.machine():
        raise LabctlError(f"{wanted.name} for {wanted.arch} can't be built on {platform.machine()}")
    if wanted.wanted.distribution == "ubuntu" and not apt.sources(wanted.wanted.suite, "ubuntu"):
        raise LabctlError(
            f"{wanted.name} can only be built where apt has the sources of that suite",
            hint="use `image: {url, sha256}` with one of Ubuntu's own cloud images",
        )


def _present(tool: str) -> bool:
    return Path(tool).exists() if "/" in tool else command.path(tool) is not None


def _make(wanted: Recipe, work: Path, tell: Tell) -> None:
    raw, bootable = work / "disk.raw", wanted.wanted.bootable
    # pack.sh writes through the open file: in a user namespace it could not enter this folder
    with raw.open("xb") as disk:
        disk.truncate(wanted.size)
        raw.chmod(0o666)
        if bootable:
            partition.write_table(raw)
        bootstrap.bootstrap(wanted, work, disk.fileno(), tell)
    if bootable:
        tell("installing GRUB")
        partition.install_grub(raw, wanted.arch)
    else:
        _unpack(work / INITRD)
    tell("compressing")
    # QEMU ≥ 5.1 reads zstd; against zlib 3 s instead of 17 s, for the same 150 MB
    options = ["-f", "raw", "-O", "qcow2", "-c", "-W", "-m", "8", "-o", "compression_type=zstd"]
    command.run(["qemu-img", "convert", *options, str(raw), str(work / IMAGE)], lambda _line: None)
    raw.unlink()
    (work / MANIFEST).write_text(apt.manifest(_packages(work)), encoding="utf-8")
    names = (IMAGE, MANIFEST, *(() if bootable else (KERNEL, INITRD)))
    facts = {
        "digests": {name: _digest(work / name) for name in names},
        "virtual_size": wanted.size,
        "bootable": bootable,
        "cmdline": wanted.cmdline,
    }
    (work / FACTS).write_text(json.dumps(facts), encoding="utf-8")


def _unpack(initrd: Path) -> None:
    """Decompress the initrd: an emulated CPU takes longer at that than at reading it."""
    data = initrd.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        initrd.write_bytes(gzip.decompress(data))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
