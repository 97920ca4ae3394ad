"""The call of mmdebstrap: its hooks, what they are given, and what its output means."""

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
MARK = "labctl: run "  # what a hook prints before and after a line of the recipe
TAIL_LINES = 15
# Nothing of the caller's environment but its proxy: what comes out is the recipe's
ENTER = (
    'chroot "$1" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root '
    "LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "
    '${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} /bin/sh -ec'
)


def bootstrap(wanted: Recipe, work: Path, disk: int, tell: Callable[[str], None]) -> None:
    """Make the recipe's root and its file system in the open file `disk`; the other files come to the folder `work`.

    Raises:
        LabctlError: a line of the recipe failed, with its last words; or mmdebstrap did, with its own.
    """
    asked = wanted.wanted
    beside = [MANIFEST] if asked.bootable else [MANIFEST, KERNEL, INITRD]
    base, files = work / "base.tar", work / "files.tar"
    _archive(_base_files(wanted), base)
    _archive([(file.target, content(file), file.mode) for file in asked.files], files)
    argv = [
        "mmdebstrap",
        "--format=null",
        "--variant=minbase",
        "--skip=cleanup",  # pack.sh has the root as it shall be, and the rest is dropped
        f"--architectures={wanted.debian_arch}",
        f"--include={','.join(wanted.packages)}",
        f"--essential-hook=tar-in {base} /",
        _hook(wanted.folder / "tune.sh"),
        f"--customize-hook=tar-in {files} /",
        *(run_hook(number, line) for number, line in enumerate(asked.run, 1)),
        _hook(wanted.folder / "finish.sh"),
        f"--customize-hook=copy-out {' '.join(f'/boot/{name}' for name in beside)} {work}",
        _hook(wanted.folder / "pack.sh"),
        asked.suite,
        "-",
        *apt.sources(asked.suite, asked.distribution),
    ]
    follower = Follower(tell, asked.run)
    try:
        command.run(argv, follower, pass_fds=(disk,), environment=_environment(wanted, disk))
    except LabctlError as error:
        raise follower.failure() or error from error
    base.unlink()
    files.unlink()


class Follower:
    """Reads mmdebstrap's output: tells its stages, and keeps what the current line of the recipe writes."""

    def __init__(self, tell: Callable[[str], None], run: tuple[str, ...]) -> None:
        self._tell = tell
        self._run = run
        self._number = 0  # of the line that runs; 0 when none does
        self._output: deque[str] = deque(maxlen=TAIL_LINES)

    def __call__(self, line: str) -> None:
        if line.startswith(MARK):
            self._number = int(line.removeprefix(MARK))
            self._output.clear()
            if self._number:
                self._tell(f"running line {self._number} of {len(self._run)}")
        elif line.startswith(STAGES):
            self._tell(line.removeprefix("I: ").rstrip("."))
        elif not line.startswith(("I: ", "E: ")):
            self._output.append(line)

    def failure(self) -> LabctlError | None:
        """What went wrong if mmdebstrap failed now; None when it was none of the recipe's lines."""
        if not self._number:
            return None
        summary = f"line {self._number} of `run` failed: {self._run[self._number - 1]}"
        return LabctlError("\n".join([summary, *self._output]))


def run_hook(number: int, line: str) -> str:
    """One line of the recipe, for a shell in the new root, which is the hook's $1."""
    return f"--customize-hook=echo '{MARK}{number}'; {ENTER} {shlex.quote(line)} || exit $?; echo '{MARK}0'"


def _hook(script: Path) -> str:
    """The script itself rather than its path, which a user namespace could perhaps not reach; the root is $1."""
    return f"--customize-hook={script.read_text(encoding='utf-8')}"


def _environment(wanted: Recipe, disk: int) -> dict[str, str]:
    bootable = wanted.wanted.bootable
    offset, size = partition.root_extent(wanted.size) if bootable else (0, wanted.size)
    return {
        **apt.environment(),
        "LABCTL_DISK": f"/proc/self/fd/{disk}",
        "LABCTL_OFFSET": str(offset),
        "LABCTL_SIZE": str(size),
        "LABCTL_BOOTABLE": "yes" if bootable else "no",
        "LABCTL_HOSTNAME": wanted.hostname,
        # the temporary root must be reachable for the user namespace's root and apt's own user, unlike our folder
        "TMPDIR": "/var/tmp",  # noqa: S108
    }


def _base_files(wanted: Recipe) -> list[tuple[str, bytes, int]]:
    """The files of the base as target, content and mode; GRUB's menu is among them where it is wanted."""
    folder, found = wanted.folder / "files", []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            found.append((f"/{path.relative_to(folder)}", data, 0o755 if data.startswith(b"#!") else 0o644))
    if wanted.wanted.bootable:
        menu = (wanted.folder / "grub.cfg").read_text(encoding="utf-8")
        menu = menu.replace("@title@", wanted.name).replace("@cmdline@", wanted.cmdline)
        found.append(("/boot/grub/grub.cfg", menu.encode(), 0o644))
    return found


def _archive(files: Iterable[tuple[str, bytes, int]], archive: Path) -> None:
    """The files as root's, whoever owns them here."""
    with tarfile.open(archive, "w") as tar:
        for target, data, mode in files:
            member = tarfile.TarInfo(target.lstrip("/"))
            member.size, member.mode = len(data), mode
            tar.addfile(member, BytesIO(data))
