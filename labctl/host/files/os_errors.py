"""The operating system's refusals of local files, as errors that say what was refused, who owns it, and what helps."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.host.files.owners import barrier

if TYPE_CHECKING:
    from collections.abc import Iterator

_DENIED = (errno.EACCES, errno.EPERM)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Refusals that any program may meet. Another errno is a bug unless the code at that place expects it.
EXPECTED = (
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


def as_labctl_error(error: OSError, doing: str, where: str | Path = "", hint: str = "") -> LabctlError:
    """Make a LabctlError of an OSError, for the caller to raise.

    Args:
        error: the system's error. If access was denied, the result names the owner of the file or folder in the way.
        doing: what was not possible, as "can't write it".
        where: the path, by default the one in `error`.
        hint: what helps, unless a denied access or a full disk gives a better hint.
    """
    path = str(where or error.filename or "")
    if error.errno in _FULL:
        return LabctlError(
            f"no space left: {error.strerror}", where=path, hint="free some space there and try again"
        )
    summary = f"{doing}: {error.strerror or error}"
    found = barrier(Path(path)) if path and error.errno in _DENIED else None
    if found is None:
        return LabctlError(summary, where=path, hint=hint)
    return LabctlError(f"{summary}; {found}", where=path, hint=found.hint)


@contextmanager
def translated(doing: str, where: str | Path = "", hint: str = "") -> Iterator[None]:
    """Raise an OSError of the block as a LabctlError; the arguments are those of `as_labctl_error`."""
    try:
        yield
    except OSError as error:
        raise as_labctl_error(error, doing, where, hint) from error
