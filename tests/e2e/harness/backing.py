"""The folder on disk behind the private /var/lib/libvirt and its like: images are too big for a tmpfs."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "labctl-e2e-"


@contextmanager
def folder() -> Iterator[Path]:
    """A new folder, removed at the end; those of launchers that were killed are removed at the beginning.

    The lock on the folder lives as long as its launcher, so a second instance never takes away the first's.
    """
    parent = Path(os.environ.get("LABCTL_E2E_DIR", "/var/tmp"))  # on disk, which /tmp may not be
    path, descriptor = locked_folder(parent)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def locked_folder(parent: Path) -> tuple[Path, int]:
    """A new one and the descriptor that holds its lock.

    One launcher at a time: else one would take for abandoned what another has made and not locked yet.
    """
    turn = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        remove_abandoned(parent)
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        descriptor = os.open(path, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(turn)
    return path, descriptor


def remove_abandoned(parent: Path) -> None:
    for path in parent.glob(f"{PREFIX}*"):
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue  # its owner was quicker
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # alive
        else:
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(descriptor)
