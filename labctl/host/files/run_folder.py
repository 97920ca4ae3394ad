"""Private folders that one run needs. What a killed run left is removed by later ones: secrets may be in it."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.host.files import os_errors, runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGINS = "run-"
_LOCK = "folders.lock"  # held where a folder is made or found to be a dead run's
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def made(what: str) -> Iterator[Path]:
    """Make a folder for the block. Its lock is the run's: the kernel lets go of it when the run ends, however it does.

    `what` is a word of its name, for who looks.

    Raises:
        LabctlError: it can't be made.
    """
    place = runtime.folder()
    with _locked(place):
        _remove_stale(place)
        folder = tempfile.mkdtemp(prefix=f"{_BEGINS}{what}-", dir=place)
        descriptor = os.open(folder, _FLAGS)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def sweep() -> None:
    """Remove what killed runs left. Who only looks makes no runtime folder.

    Raises:
        LabctlError: the runtime folder can't be used.
    """
    place = runtime.existing()
    if place is not None and any(place.glob(f"{_BEGINS}*")):
        with _locked(place):
            _remove_stale(place)


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    with os_errors.translated("can't use it", place), (place / _LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_stale(place: Path) -> None:
    for path in place.glob(f"{_BEGINS}*"):
        with suppress(OSError):  # it is no folder, or a run uses it
            descriptor = os.open(path, _FLAGS)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)
