"""Local files that the system refuses: the one way to say which it is, whose, and what helps."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

_DENIED = (errno.EACCES, errno.EPERM)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What a machine may do to any program; another errno that nobody expected is a bug.
OUTSIDE = (
    *_DENIED,
    *_FULL,
    errno.EROFS,
    errno.EIO,
    errno.ESTALE,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.EMFILE,
    errno.ENFILE,
)


def failed(error: OSError, doing: str, where: str | Path = "", hint: str = "") -> LabctlError:
    """The error to raise.

    Args:
        error: what the system said; where it denied access, the owner of what stands in the way is told.
        doing: what was not possible, as "can't write it".
        where: the path, by default the one that the error names.
        hint: what helps where nothing better is known.
    """
    path = str(where or error.filename or "")
    if error.errno in _FULL:
        return LabctlError(
            f"no space left: {error.strerror}", where=path, hint="free some space there and try again"
        )
    summary = f"{doing}: {error.strerror or error}"
    barrier = _barrier(Path(path)) if path and error.errno in _DENIED else None
    if barrier is None:
        return LabctlError(summary, where=path, hint=hint)
    return LabctlError(f"{summary}; {barrier}", where=path, hint=barrier.hint)


@contextmanager
def told(doing: str, where: str | Path = "", hint: str = "") -> Iterator[None]:
    """Around a use of local files: what the system refuses is labctl's error (`failed`)."""
    try:
        yield
    except OSError as error:
        raise failed(error, doing, where, hint) from error


def user(uid: int | None = None) -> str:
    """The name of a user, by default of who runs this; that of a uid which nobody has is its number."""
    import pwd

    number = os.geteuid() if uid is None else uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


@record
class _Barrier:
    """What keeps this user from a path: the nearest file or folder to it that can be seen, and its owner's uid."""

    path: Path
    owner: int

    def __str__(self) -> str:
        return f"{self.path} is {user(self.owner)}'s"

    @property
    def hint(self) -> str:
        if self.owner == os.geteuid():
            return f"`chmod u+rwX {self.path}`"
        return f"run labctl as {user(self.owner)}, or use a folder of your own"


def _barrier(path: Path) -> _Barrier | None:
    there = Path("/")
    try:
        for below in (*reversed(path.absolute().parents), path.absolute()):
            below.lstat()
            there = below
        if os.access(there, os.R_OK | os.W_OK) and not there.is_dir():
            there = there.parent  # the file is fine, its folder does not let it go
    except OSError:
        pass  # it is not there, or behind what can't be entered
    try:
        return _Barrier(there, there.stat().st_uid)
    except OSError:
        return None  # it went meanwhile


def whose(path: Path) -> str:
    """Say who owns what is at a path or, where it can't be seen, what hides it; nothing where there is nothing."""
    try:
        return str(_Barrier(path, path.lstat().st_uid))
    except FileNotFoundError:
        return ""
    except OSError:
        return str(_barrier(path) or "")
