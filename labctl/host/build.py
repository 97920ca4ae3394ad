"""Images built from recipes with mmdebstrap and this host's own apt sources.

A recipe is a folder of `templates/images/`: `recipe.json`, `finish.sh` and `pack.sh` that mmdebstrap runs as hooks, and
`files/` that are laid over the root before the kernel's initramfs is made. The image is one ext4 file system without a
boot loader: its kernel and initrd lie beside it and are booted directly.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import platform
import shutil
import tarfile
from dataclasses import dataclass
from difflib import get_close_matches
from io import BytesIO
from typing import TYPE_CHECKING

from labctl import resources
from labctl.core.errors import LabctlError
from labctl.host import apt, cache, command, lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Tell = Callable[[str], None]

VERSION = 1  # of what this module does with a recipe; part of its key
WAIT_S = 3600.0  # for another labctl that builds the same
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "setpriv": "util-linux",
}
STAGES = tuple(f"I: {stage}" for stage in ("running apt-get", "downloading", "extracting", "installing"))
IMAGE, KERNEL, INITRD, DIGESTS = "image.qcow2", "vmlinuz", "initrd", "digests.json"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to build, for one architecture: `arch` is libvirt's name of it, `debian_arch` dpkg's; `size` in bytes."""

    name: str
    arch: str
    debian_arch: str
    suite: str
    packages: tuple[str, ...]
    size: int
    cmdline: str
    folder: Path

    @property
    def key(self) -> str:
        """`build-` and a digest of all that labctl puts in. Which package versions come out is not part of it."""
        digest = hashlib.sha256(f"{VERSION} {self.arch}".encode())
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                digest.update(f"\0{path.relative_to(self.folder)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        return f"build-{digest.hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class Built:
    """What came out, with each file's sha256 in hex."""

    folder: Path
    digests: dict[str, str]


def recipe(name: str, arch: str) -> Recipe:
    """The recipe of that name. LabctlError when there is none, or not for that architecture."""
    known = sorted(
        path.parent.name for path in (resources.folder("templates") / "images").glob("*/recipe.json")
    )
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"labctl builds {', '.join(known)}; a path holds a `/`"
        raise LabctlError(f"there is no image called {name}", hint=hint)
    folder = resources.folder("templates") / "images" / name
    text = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    names = text["architectures"].get(arch)
    if names is None:
        raise LabctlError(
            f"{name} is not made for {arch}", hint=f"it is for {', '.join(text['architectures'])}"
        )
    return Recipe(
        name=name,
        arch=arch,
        debian_arch=names["debian"],
        suite=text["suite"],
        packages=tuple(package.format(**names) for package in text["packages"]),
        size=text["size_gib"] << 30,
        cmdline=text["cmdline"].format(**names),
        folder=folder,
    )


def recipe_of(name: str, key: str) -> Recipe:
    """The recipe with that key, whichever architecture it is for. LabctlError when it changed since."""
    folder = resources.folder("templates") / "images" / name
    text = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    found = [each for arch in text["architectures"] if (each := recipe(name, arch)).key == key]
    if not found:
        raise LabctlError(f"the recipe of {name} changed", hint="plan again")
    return found[0]


def build(wanted: Recipe, tell: Tell) -> Built:
    """The built image in the cache, made unless it is there whole; takes a minute and 2 GB below /var/tmp.

    Raises LabctlError for missing tools, and with mmdebstrap's last lines when it fails.
    """
    done = cache.folder("builds") / wanted.key
    with lock.held(f"build of {wanted.key}", wait_s=WAIT_S):
        built = _cached(done)
        if built is None:
            _require(wanted)
            work = done.with_suffix(".work")
            shutil.rmtree(work, ignore_errors=True)  # of a build that was killed
            work.mkdir(mode=0o700)
            try:
                _make(wanted, work, tell)
                shutil.rmtree(done, ignore_errors=True)
                work.rename(done)
            finally:
                shutil.rmtree(work, ignore_errors=True)
            built = _cached(done)
    if built is None:
        raise LabctlError("the built image changed while it was looked at", where=str(done))
    return built


def _cached(folder: Path) -> Built | None:
    """What an earlier build left, if its files still have the digests written down then."""
    try:
        digests = json.loads((folder / DIGESTS).read_text(encoding="utf-8"))
        if all(_digest(folder / name) == digests[name] for name in (IMAGE, KERNEL, INITRD)):
            return Built(folder, digests)
    except (OSError, ValueError, KeyError):
        return None
    return None


def _require(wanted: Recipe) -> None:
    missing = sorted(package for tool, package in TOOLS.items() if command.path(tool) is None)
    if missing:
        raise LabctlError(
            f"building {wanted.name} needs {', '.join(missing)}",
            hint=f"apt install {' '.join(missing)}; elsewhere than on Debian or Ubuntu, use `image: {{url, sha512}}`",
        )
    if wanted.arch != platform.machine():
        raise LabctlError(f"{wanted.name} for {wanted.arch} can't be built on {platform.machine()}")


def _make(wanted: Recipe, work: Path, tell: Tell) -> None:
    raw = work / "disk.raw"
    _overlay(wanted.folder / "files", work / "files.tar")
    # pack.sh writes through the open file: in a user namespace it could not enter this folder
    with raw.open("xb") as disk:
        disk.truncate(wanted.size)
        raw.chmod(0o666)
        _bootstrap(wanted, work, disk.fileno(), tell)
    tell("compressing")
    # QEMU ≥ 5.1 reads zstd; against zlib 3 s instead of 17 s, for the same 150 MB
    options = ["-f", "raw", "-O", "qcow2", "-c", "-W", "-m", "8", "-o", "compression_type=zstd"]
    command.run(["qemu-img", "convert", *options, str(raw), str(work / IMAGE)], lambda _line: None)
    raw.unlink()
    (work / "files.tar").unlink()
    _unpack(work / INITRD)
    digests = {name: _digest(work / name) for name in (IMAGE, KERNEL, INITRD)}
    (work / DIGESTS).write_text(json.dumps(digests), encoding="utf-8")


def _bootstrap(wanted: Recipe, work: Path, disk: int, tell: Tell) -> None:
    argv = [
        "mmdebstrap",
        "--format=null",
        "--variant=minbase",
        "--skip=cleanup",  # pack.sh has the root as it shall be, and the rest is dropped
        f"--architectures={wanted.debian_arch}",
        f"--include={','.join(wanted.packages)}",
        f"--essential-hook=tar-in {work}/files.tar /",
        _hook(wanted.folder / "finish.sh"),
        f"--customize-hook=copy-out /boot/{KERNEL} /boot/{INITRD} {work}",
        _hook(wanted.folder / "pack.sh"),
        wanted.suite,
        "-",
        *apt.sources(wanted.suite),
    ]

    def follow(line: str) -> None:
        if line.startswith(STAGES):
            tell(line.removeprefix("I: ").rstrip("."))

    # the temporary root must be reachable for the user namespace's root and apt's own user, unlike our folder
    environment = {**apt.environment(), "LABCTL_DISK": f"/proc/self/fd/{disk}", "TMPDIR": "/var/tmp"}  # noqa: S108
    command.run(argv, follow, pass_fds=(disk,), environment=environment)


def _hook(script: Path) -> str:
    """The script itself rather than its path, which a user namespace could perhaps not reach; the root is $1."""
    return f"--customize-hook={script.read_text(encoding='utf-8')}"


def _overlay(folder: Path, archive: Path) -> None:
    """The recipe's files as root's, whoever owns the checkout."""
    with tarfile.open(archive, "w") as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                member = tarfile.TarInfo(str(path.relative_to(folder)))
                content = path.read_bytes()
                member.size, member.mode = len(content), 0o755 if content.startswith(b"#!") else 0o644
                tar.addfile(member, BytesIO(content))


def _unpack(initrd: Path) -> None:
    """Decompress the initrd: an emulated CPU takes longer at that than at reading it."""
    data = initrd.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        initrd.write_bytes(gzip.decompress(data))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
