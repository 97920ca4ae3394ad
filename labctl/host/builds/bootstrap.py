"""The call of mmdebstrap: its hooks with their files and variables, and the reading of its output."""

from __future__ import annotations

import shlex
import tarfile
from collections import deque
from io import BytesIO
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.host.builds import apt, partition
from labctl.host.builds.recipe import content
from labctl.host.machine import command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from labctl.host.builds.recipe import Recipe

KERNEL, INITRD, MANIFEST = "vmlinuz", "initrd", "manifest"
STAGES = tuple(f"I: {stage}" for stage in ("running apt-get", "downloading", "extracting", "installing"))
MARK = "labctl: run "  # the hooks print this before and after each line of the recipe's `run`
TAIL_LINES = 15
# Of the caller's environment only the proxy: the rest must not change the image
ENTER = (
    'chroot "$1" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root '
    "LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "
    '${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} /bin/sh -ec'
)


def bootstrap(recipe: Recipe, work: Path, disk: int, notify: Callable[[str], None]) -> None:
    """Make the recipe's root file system in the open file `disk`; `notify` is called with a sentence about each stage.

    The folder `work` gets the manifest and, unless the image is bootable, the kernel and the initrd.

    Raises:
        LabctlError: a line of the recipe or mmdebstrap itself failed; the last lines of its output are in the error.
    """
    asked = recipe.build
    beside = [MANIFEST] if asked.bootable else [MANIFEST, KERNEL, INITRD]
    base, files = work / "base.tar", work / "files.tar"
    _archive(_base_files(recipe), base)
    _archive([(file.target, content(file), file.mode) for file in asked.files], files)
    argv = [
        "mmdebstrap",
        "--format=null",
        "--variant=minbase",
        "--skip=cleanup",  # pack.sh has copied the finished root by then, and what is left is deleted
        f"--architectures={recipe.debian_arch}",
        f"--include={','.join(recipe.packages)}",
        f"--essential-hook=tar-in {base} /",
        _hook(recipe.folder / "tune.sh"),
        f"--customize-hook=tar-in {files} /",
        *(run_hook(number, line) for number, line in enumerate(asked.run, 1)),
        _hook(recipe.folder / "finish.sh"),
        f"--customize-hook=copy-out {' '.join(f'/boot/{name}' for name in beside)} {work}",
        _hook(recipe.folder / "pack.sh"),
        asked.suite,
        "-",
        *apt.sources(asked.suite, asked.distribution),
    ]
    follower = OutputFollower(notify, asked.run)
    try:
        command.run(argv, follower, pass_fds=(disk,), environment=_environment(recipe, disk))
    except LabctlError as error:
        raise follower.failure() or error from error
    base.unlink()
    files.unlink()


class OutputFollower:
    """A reader of mmdebstrap's output, which reports the stages and keeps the last output of a line of the recipe."""

    def __init__(self, notify: Callable[[str], None], run: tuple[str, ...]) -> None:
        self._notify = notify
        self._run = run
        self._number = 0  # the number of the running line of the recipe, or 0
        self._output: deque[str] = deque(maxlen=TAIL_LINES)

    def __call__(self, line: str) -> None:
        if line.startswith(MARK):
            self._number = int(line.removeprefix(MARK))
            self._output.clear()
            if self._number:
                self._notify(f"running line {self._number} of {len(self._run)}")
        elif line.startswith(STAGES):
            self._notify(line.removeprefix("I: ").rstrip("."))
        elif not line.startswith(("I: ", "E: ")):
            self._output.append(line)

    def failure(self) -> LabctlError | None:
        """The error to raise if mmdebstrap failed in a line of the recipe; None if it failed elsewhere."""
        if not self._number:
            return None
        summary = f"line {self._number} of `run` failed: {self._run[self._number - 1]}"
        return LabctlError("\n".join([summary, *self._output]))


def run_hook(number: int, line: str) -> str:
    """The option that runs a line of the recipe in a shell in the new root; the hook has the root's path as $1."""
    return f"--customize-hook=echo '{MARK}{number}'; {ENTER} {shlex.quote(line)} || exit $?; echo '{MARK}0'"


def _hook(script: Path) -> str:
    """The option with a script as a hook: with its text, since mmdebstrap's user namespace may not reach its path."""
    return f"--customize-hook={script.read_text(encoding='utf-8')}"


def _environment(recipe: Recipe, disk: int) -> dict[str, str]:
    bootable = recipe.build.bootable
    offset, size = partition.root_extent(recipe.size) if bootable else (0, recipe.size)
    return {
        **apt.proxy_environment(),
        "LABCTL_DISK": f"/proc/self/fd/{disk}",
        "LABCTL_OFFSET": str(offset),
        "LABCTL_SIZE": str(size),
        "LABCTL_BOOTABLE": "yes" if bootable else "no",
        "LABCTL_HOSTNAME": recipe.hostname,
        # the root of the user namespace and apt's own user have to reach the temporary root; labctl's folder is private
        "TMPDIR": "/var/tmp",  # noqa: S108
    }


def _base_files(recipe: Recipe) -> list[tuple[str, bytes, int]]:
    """The files of labctl's base as target, content and mode; for a bootable image with GRUB's menu."""
    folder, found = recipe.folder / "files", []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            found.append((f"/{path.relative_to(folder)}", data, 0o755 if data.startswith(b"#!") else 0o644))
    if recipe.build.bootable:
        menu = (recipe.folder / "grub.cfg").read_text(encoding="utf-8")
        menu = menu.replace("@title@", recipe.name).replace("@cmdline@", recipe.cmdline)
        found.append(("/boot/grub/grub.cfg", menu.encode(), 0o644))
    return found


def _archive(files: Iterable[tuple[str, bytes, int]], archive: Path) -> None:
    """Write a tar archive in which root owns all files."""
    with tarfile.open(archive, "w") as tar:
        for target, data, mode in files:
            member = tarfile.TarInfo(target.lstrip("/"))
            member.size, member.mode = len(data), mode
            tar.addfile(member, BytesIO(data))
