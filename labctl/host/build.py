"""Images built here, from the host's own apt sources: where a cloud image can't be had, and quicker to boot than one.

A recipe is a folder of templates/images/: `recipe.json`, `files/`, which are in place before the packages are
installed, and `finish.sh`, which mmdebstrap runs after that. The result boots directly, by its own kernel and initrd,
with its file system on the bare disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labctl import resources
from labctl.core.errors import LabctlError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VERSION = 1  # of what this module does with a recipe; part of the key
LABEL = "labctl-root"
TOOLS = {"mmdebstrap": "mmdebstrap", "mkfs.ext4": "e2fsprogs", "qemu-img": "qemu-utils"}
_TAIL_LINES = 15


@dataclass(frozen=True, slots=True)
class Recipe:
    """`folder` holds the scripts; `size` is the virtual size of the disk in bytes."""

    name: str
    folder: Path
    suite: str
    packages: tuple[str, ...]
    size: int
    cmdline: str
    key: str  # `build-HEX`, of all that the recipe says


@dataclass(frozen=True, slots=True)
class Built:
    """The files of a built image, in a folder that goes with the caller's."""

    disk: Path
    kernel: Path
    initrd: Path


def names() -> list[str]:
    """The recipes that labctl ships."""
    return sorted(each.name for each in (resources.folder("templates") / "images").iterdir())


def recipe(name: str, arch: str) -> Recipe:
    """Read a recipe for libvirt's `arch` (x86_64, aarch64).

    Raises:
        LabctlError: there is none of that name, or none for that architecture.
    """
    folder = resources.folder("templates") / "images" / name
    if not folder.is_dir():
        raise LabctlError(f"there is no image called {name}", hint="there are: " + ", ".join(names()))
    said = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    kernel = said["kernels"].get(arch)
    if kernel is None:
        raise LabctlError(
            f"{name} can't be built for {arch}", hint="there are: " + ", ".join(said["kernels"])
        )
    parts = [each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file()]
    digest = hashlib.sha256(b"\0".join([f"{VERSION} {arch}".encode(), *parts])).hexdigest()
    packages = (*said["packages"], kernel)
    return Recipe(
        name, folder, said["suite"], packages, said["size_bytes"], said["cmdline"], f"build-{digest[:32]}"
    )


def missing_tools() -> list[str]:
    """The Debian packages that a build lacks."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return [package for tool, package in TOOLS.items() if shutil.which(tool, path=path) is None]


def build(recipe: Recipe, folder: Path, say: Callable[[str], None]) -> Built:
    """Build an image into `folder`, a private one that is the caller's to remove.

    Raises:
        LabctlError: a tool is missing or fails; the end of what it said is in the message.
    """
    if lacking := missing_tools():
        raise LabctlError(
            f"building {recipe.name} needs {', '.join(lacking)}", hint=f"apt-get install {' '.join(lacking)}"
        )
    root, raw = folder / "root", folder / "disk.raw"
    say("installing packages")
    _run(_mmdebstrap(recipe, folder, root), say)
    say("making the disk")
    with raw.open("wb") as file:
        file.truncate(recipe.size)
    # no journal's worth of writing, and none of the features that older tools of a guest would not know
    _run([*_as_root(), "mkfs.ext4", "-q", "-F", "-L", LABEL, "-d", str(root), str(raw)])
    built = Built(folder / "disk.qcow2", folder / "vmlinuz", folder / "initrd")
    for kind, target in (("vmlinuz", built.kernel), ("initrd.img", built.initrd)):
        found = sorted((root / "boot").glob(f"{kind}-*"))
        if not found:
            raise LabctlError(f"the packages of {recipe.name} brought no {kind}", where=str(recipe.folder))
        _run([*_as_root(), "cp", str(found[-1]), str(target)])
    _run([*_as_root(), "rm", "-rf", str(root)])
    say("compacting the disk")
    _run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(built.disk)])
    raw.unlink()
    return built


def _as_root() -> list[str]:
    """An ordinary user's mmdebstrap works in a user namespace, and so must whoever touches its files."""
    return [] if os.geteuid() == 0 else ["mmdebstrap", "--unshare-helper"]


def _mmdebstrap(recipe: Recipe, folder: Path, root: Path) -> list[str]:
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(recipe.packages)}"]
    command += [f'--setup-hook=cp -R {shlex.quote(str(recipe.folder / "files"))}/. "$1"']
    command += [f'--customize-hook=sh {shlex.quote(str(recipe.folder / "finish.sh"))} "$1"']
    command += [recipe.suite, str(root)]
    if sources := host_sources(recipe.suite):
        file = folder / "host.sources"
        file.write_text(sources, encoding="utf-8")
        command.append(str(file))
    return command


def host_sources(suite: str, apt: Path = Path("/etc/apt")) -> str:
    """The host's own sources of this suite and its updates, in apt's formats; empty where it has none.

    Without any, mmdebstrap takes Debian's public mirror.
    """
    lines = []
    for file in [apt / "sources.list", *sorted(apt.glob("sources.list.d/*.list"))]:
        if file.is_file():
            lines += [
                line for line in file.read_text(encoding="utf-8").splitlines() if _is_of(line.split(), suite)
            ]
    stanzas = []
    for file in sorted(apt.glob("sources.list.d/*.sources")):
        stanzas += [
            each for each in file.read_text(encoding="utf-8").split("\n\n") if _stanza_is_of(each, suite)
        ]
    return "\n\n".join(stanzas) + "\n" if stanzas else "".join(f"{line}\n" for line in lines)


def _is_of(words: Sequence[str], suite: str) -> bool:
    return words[:1] == ["deb"] and any(word == suite or word.startswith(f"{suite}-") for word in words)


def _stanza_is_of(stanza: str, suite: str) -> bool:
    suites = [line.split()[1:] for line in stanza.splitlines() if line.lower().startswith("suites:")]
    return any(word == suite or word.startswith(f"{suite}-") for words in suites for word in words)


def _run(command: Sequence[str], say: Callable[[str], None] | None = None) -> None:
    """Run a tool in a process group of its own, which ends with labctl, and pass on the stages it tells."""
    said: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        environment = os.environ | {
            "LC_ALL": "C.UTF-8",
            "TMPDIR": scratch,
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
        }
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            start_new_session=True,
        )
        try:
            for line in process.stdout or ():
                said.append(line.rstrip())
                if say and line.startswith("I: "):
                    say(line[3:].strip().rstrip("."))
            code = process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
    if code:
        tail = "\n".join(f"  | {line}" for line in said[-_TAIL_LINES:])
        raise LabctlError(f"{command[0]} failed with code {code}:\n{tail}")
