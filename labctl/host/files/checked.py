"""Files and folders that are used only if they are what they should be.

They are opened by descriptors, no link is followed, and what is of another kind is not even opened. OSErrors become
LabctlErrors that name the path; FileNotFoundError and NotADirectoryError, it is missing, are for the caller to judge.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.host.files import os_errors
from labctl.host.files.owners import owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_KINDS = {
    stat.S_IFREG: "a file",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
OTHERS = 0o077  # the bits of a mode by which others than the owner get at it
_TEMPORARY = r"\.(?:{})\.[0-9a-f]{{16}}(?:\.pub)?"  # the name of a file that is being written as one of these
LOOK = "look at it, then remove it"
_OPEN_HINT = f"it may have come with the repository: {LOOK}; or `chmod go=` what you know to be yours"


@record
class Wrong:
    """What is wrong with a file or folder; an empty summary means nothing."""

    summary: str = ""
    hint: str = f"labctl did not make it so, somebody else may have: {LOOK}"
    link: bool = False


@contextmanager
def folder_of(path: Path) -> Iterator[int]:
    """The descriptor of the folder that a path is in, while the block runs. OSError: it can't be opened."""
    within = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield within
    finally:
        os.close(within)


def open_folder(name: str, within: int, path: Path, *, closed: int = OTHERS, make: bool = False) -> int:
    """Open a folder of this user's, and give its descriptor.

    Args:
        name: its name in the folder that it is in.
        within: the descriptor of that folder.
        path: its own, for errors.
        closed: the bits that its mode must not have.
        make: it is made, for its owner alone, where it is missing.
    """
    made = False
    with _named(path, "can't make it"), suppress(FileExistsError):
        if make:
            os.mkdir(name, 0o700, dir_fd=within)
            made = True
    descriptor = _open(
        name, within, path, lambda found: _wrong(path, found, stat.S_IFDIR, closed), os.O_DIRECTORY
    )
    if made:
        os.fchmod(descriptor, 0o700)  # the umask may have left less
    return descriptor


def read(name: str, within: int, path: Path, most: int, *, closed: int = OTHERS) -> bytes:
    """Read a file of this user's that has no other name, `most` bytes at most; the arguments are those of a folder."""
    return _read(
        _open(name, within, path, lambda found: _wrong(path, found, stat.S_IFREG, closed)), path, most
    )


def read_anybodys(path: Path, most: int) -> bytes:
    """Read a file that may be anybody's, as one that came with a repository: no link, no FIFO, `most` bytes at most."""
    return _read(open_anybodys(path), path, most)


def open_anybodys(path: Path) -> int:
    """Open a file that may be anybody's, to read it; the same counts for it."""
    return _open(str(path), None, path, lambda found: _wrong(path, found, stat.S_IFREG, None))


def write(name: str, within: int, path: Path, data: bytes) -> None:
    """Write a file for its owner alone, completely or not at all; the arguments are those of `read`."""
    with suppress(FileNotFoundError):
        check_file(name, within, path)
    temporary = temporary_name(name)
    with _named(path, "can't write it"):
        try:
            with os.fdopen(os.open(temporary, _WRITE, 0o600, dir_fd=within), "wb") as file:
                os.fchmod(file.fileno(), 0o600)  # whatever the umask
                file.write(data)
            os.rename(temporary, name, src_dir_fd=within, dst_dir_fd=within)
        except OSError:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=within)
            raise


def rename(name: str, to: str, within: int, path: Path) -> None:
    """Give a file of a folder its final name."""
    with os_errors.translated("can't make it", path):
        os.rename(name, to, src_dir_fd=within, dst_dir_fd=within)


def temporary_name(name: str) -> str:
    """A new name for a file that is not whole yet."""
    return f".{name}.{os.urandom(8).hex()}"


def is_temporary(name: str, finals: str) -> bool:
    """Whether a file was being written under one of the names that match the pattern `finals`."""
    return re.fullmatch(_TEMPORARY.format(finals), name) is not None


def check_file(name: str, within: int, path: Path, *, closed: int = OTHERS) -> None:
    """Raise LabctlError unless it is a file that `read` would open."""
    with _named(path, "can't look at it"):
        found = os.lstat(name, dir_fd=within)
    _refuse(_wrong(path, found, stat.S_IFREG, closed), name, within, path)


def remove(name: str, within: int, path: Path, *, closed: int = OTHERS) -> None:
    """Delete a file that `read` would open."""
    check_file(name, within, path, closed=closed)
    with _named(path, "can't remove it"):
        os.unlink(name, dir_fd=within)


def _open(
    name: str,
    within: int | None,
    path: Path,
    wrong: Callable[[os.stat_result], Wrong],
    flags: int = 0,
) -> int:
    """Open what is not `wrong`. Devices and the like may act when they are opened, so it is looked at before, too."""
    with _named(path, "can't open it"):
        _refuse(wrong(os.lstat(name, dir_fd=within)), name, within, path)
        descriptor = os.open(name, _READ | flags, dir_fd=within)
    try:
        _refuse(wrong(os.fstat(descriptor)), name, within, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _read(descriptor: int, path: Path, most: int) -> bytes:
    with _named(path, "can't read it"), os.fdopen(descriptor, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise LabctlError(f"labctl does not read it: it has more than {most >> 10} KiB", where=str(path))
    return data


def _wrong(path: Path, found: os.stat_result, kind: int, closed: int | None) -> Wrong:
    """What is wrong with a file or folder. It may be anybody's where `closed` is None."""
    if stat.S_IFMT(found.st_mode) != kind:
        is_ = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        return Wrong(f"it is {is_}, not {_KINDS[kind]}", link=stat.S_ISLNK(found.st_mode))
    if closed is None:
        return Wrong()
    if found.st_uid != os.geteuid():
        whose = owner(path, found).name
        return Wrong(f"it is {whose}'s", f"run labctl as {whose}; or {LOOK}")
    if found.st_mode & closed:
        return Wrong(f"others may get at it (its mode is {stat.S_IMODE(found.st_mode):04o})", _OPEN_HINT)
    if kind == stat.S_IFREG and found.st_nlink > 1:
        return Wrong("it has another name, elsewhere")
    return Wrong()


def _refuse(wrong: Wrong, name: str, within: int | None, path: Path) -> None:
    if not wrong.summary:
        return
    summary = wrong.summary
    if wrong.link:
        with suppress(OSError):  # it is gone
            summary = f"it is a link to {os.readlink(name, dir_fd=within)}"
    raise LabctlError(f"labctl does not use it: {summary}", where=str(path), hint=wrong.hint)


@contextmanager
def _named(path: Path, doing: str) -> Iterator[None]:
    """Errors of the block with the path: that in an OSError is only the last part of it."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, FileExistsError):
        raise
    except OSError as error:
        raise os_errors.as_labctl_error(error, doing, path) from error
