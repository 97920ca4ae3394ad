"""Opens regular files and nothing else: never a device, and never a FIFO, at which a reader would wait for ever."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, BinaryIO

from labctl.core.errors import LabctlError

if TYPE_CHECKING:
    from pathlib import Path

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading, unbuffered.

    Raises:
        LabctlError: it is no regular file.
        OSError: it can't be opened.
    """
    _require_regular(path.stat(), path)  # a device may act when it is opened, as a watchdog does
    return _opened(os.open(path, _READ), path)


def open_real(path: Path) -> BinaryIO:
    """The same for a real path, as `os.path.realpath` gave it before: no link that is there by now is followed.

    Raises:
        LabctlError: there is a link, or it is no regular file.
        OSError: it can't be opened.
    """
    within = os.open("/", _FOLDER)
    try:
        for name in path.parts[1:-1]:
            _require_no_link(name, within, path)
            inner = os.open(name, _FOLDER, dir_fd=within)
            os.close(within)
            within = inner
        _require_regular(_require_no_link(path.name, within, path), path)
        return _opened(os.open(path.name, _READ | os.O_NOFOLLOW, dir_fd=within), path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        os.close(within)


def _opened(descriptor: int, path: Path) -> BinaryIO:
    try:
        _require_regular(os.fstat(descriptor), path)  # the path may lead to another one by now
    except LabctlError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb", buffering=0)


def _require_no_link(name: str, within: int, path: Path) -> os.stat_result:
    facts = os.lstat(name, dir_fd=within)
    if stat.S_ISLNK(facts.st_mode):
        text = "there is a link on the way to it, which was not there when it was looked at"
        raise LabctlError(text, where=str(path), hint="look who may change that, and try again")
    return facts


def _require_regular(facts: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise LabctlError("not a regular file", hint="name a file, not a folder or a device", where=str(path))
