"""Writes a guest's files into a local folder, and nowhere else, whatever the guest sends.

Every folder on the way is opened by its descriptor, and no link is followed, neither one that was there nor one that
came.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from labctl.core.errors import LabctlError
from labctl.core.size import format_size
from labctl.host.access import archive
from labctl.host.files import os_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from labctl.host.access.archive import Member

LEFT_OUT = 1000  # names of what was left out that are kept
KEPT_BYTES = 64 << 20  # of all names and targets of links, which are kept until the end
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def unpack(file: BinaryIO, folder: Path, mode: int, limit_bytes: int) -> tuple[str, ...]:
    """Write what is in an archive into a folder that exists, over what has the same name there, and set its mode.

    Files, folders and links within the folder are written, with their modes. Gives the names of the others: devices
    and the like, and links that lead out.

    Raises:
        LabctlError: it can't be written, is more than `limit_bytes`, or has a path that leads out of the folder; or
            the folder is somebody else's, who put it into a folder that everybody may write to.
    """
    with os_errors.translated("can't write it", folder):
        descriptor = os.open(folder, _FOLDER)
    try:
        _check_owner(descriptor, folder)
        left_out = _Unpacking(descriptor, folder).all(file, limit_bytes)
        with os_errors.translated("can't set its mode", folder):
            os.fchmod(descriptor, mode)
        return left_out
    finally:
        os.close(descriptor)


def _check_owner(descriptor: int, folder: Path) -> None:
    """As in /tmp, where others may have made it before."""
    open_to_all = folder.parent.stat().st_mode & stat.S_IWOTH
    if open_to_all and os.fstat(descriptor).st_uid != os.geteuid():
        hint = "name another folder"
        raise LabctlError("somebody else made this folder before", where=str(folder), hint=hint)


class _Unpacking:
    def __init__(self, root: int, folder: Path) -> None:
        self._root, self._folder = root, folder
        self._links: dict[str, str] = {}  # made last, so that nothing of the archive can go through them
        self._modes: dict[str, int] = {}  # set last: a folder that is read-only takes no files
        self._files: set[str] = set()
        self._kept = 0
        self._left_out: list[str] = []

    def all(self, file: BinaryIO, limit_bytes: int) -> tuple[str, ...]:
        left = limit_bytes
        for member in archive.members(file):
            left -= member.size
            if left < 0:
                raise LabctlError(f"the guest's files are more than {format_size(limit_bytes)}")
            self._kept += len(member.name) + len(member.target)
            if self._kept > KEPT_BYTES:
                raise LabctlError(f"the guest's files have more than {format_size(KEPT_BYTES)} of names")
            with self._named(member.parts):
                self._take(member, file)
        self._link()
        for name in sorted(self._modes, key=len, reverse=True):
            parts = archive.inner_path(name)
            with self._named(parts), self._opened(parts) as descriptor:
                os.fchmod(descriptor, self._modes[name])
        return tuple(self._left_out)

    def _link(self) -> None:
        """Make the links, but for those that a link which was there already would lead out of the folder."""
        for name, target in self._links.items():
            parts = archive.inner_path(name)
            with self._named(parts), self._free(parts) as (within, last):
                os.symlink(target, last, dir_fd=within)
        root = os.path.realpath(self._folder)
        for name in self._links:
            if not Path(os.path.realpath(self._folder / name)).is_relative_to(root):
                parts = archive.inner_path(name)
                with self._named(parts), self._opened(parts[:-1]) as within:
                    os.unlink(parts[-1], dir_fd=within)
                self._leave_out(name)

    def _leave_out(self, name: str) -> None:
        if len(self._left_out) < LEFT_OUT:
            self._left_out.append(name)

    def _named(self, parts: tuple[str, ...]) -> AbstractContextManager[None]:
        return os_errors.translated("can't write it", self._folder.joinpath(*parts))

    def _take(self, member: Member, file: BinaryIO) -> None:
        if member.kind == stat.S_IFDIR:
            with self._opened(member.parts, make=True):
                self._modes[member.name] = member.mode
        elif member.kind == stat.S_IFLNK and _stays(member):
            self._links[member.name] = member.target
        elif member.hard and "/".join(origin := archive.inner_path(member.target)) in self._files:
            with self._opened(origin[:-1]) as at, self._free(member.parts) as (within, name):
                os.link(origin[-1], name, src_dir_fd=at, dst_dir_fd=within, follow_symlinks=False)
        elif member.kind == stat.S_IFREG and not member.hard:
            self._write(member, file)
        else:
            self._leave_out(member.name)

    def _write(self, member: Member, file: BinaryIO) -> None:
        path = self._folder.joinpath(*member.parts)
        with self._free(member.parts) as (within, name):
            descriptor = os.open(name, _NEW, 0o600, dir_fd=within)
        with os.fdopen(descriptor, "wb") as target:
            for piece in archive.content(file, member.size, path):
                target.write(piece)
            os.fchmod(target.fileno(), member.mode)
        self._files.add(member.name)

    @contextmanager
    def _free(self, parts: tuple[str, ...]) -> Iterator[tuple[int, str]]:
        """The folder of a path and its name there, which nothing has: a file or a link that had it is removed."""
        with self._opened(parts[:-1], make=True) as within:
            with suppress(FileNotFoundError):
                os.unlink(parts[-1], dir_fd=within)
            yield within, parts[-1]

    @contextmanager
    def _opened(self, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
        """The descriptor of a folder. No part of its path is a link."""
        descriptor = os.dup(self._root)
        try:
            for part in parts:
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, 0o700, dir_fd=descriptor)
                within, descriptor = descriptor, _opened(part, descriptor)
                os.close(within)
            yield descriptor
        finally:
            os.close(descriptor)


def _opened(name: str, within: int) -> int:
    if stat.S_ISLNK(os.lstat(name, dir_fd=within).st_mode):
        raise LabctlError(
            f"labctl does not write through the link {name}", where=os.readlink(name, dir_fd=within)
        )
    return os.open(name, _FOLDER, dir_fd=within)


def _stays(link: Member) -> bool:
    """Whether a link ends within the folder.

    `..` counts only at its beginning, where it leads out of true folders: behind the name of another link nobody knows
    where it leads.
    """
    if not link.target or link.target.startswith("/") or not link.parts:
        return False
    steps = [each for each in link.target.split("/") if each not in ("", ".")]
    up = next((at for at, each in enumerate(steps) if each != ".."), len(steps))
    return ".." not in steps[up:] and up < len(link.parts)
