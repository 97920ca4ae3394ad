"""Locks that die with their process, as one for each lab of a host and one for its subnets.

They are empty files in the folder that all users of the host share; the kernel knows who holds one. Who made a file
does not matter, and nothing is ever written into it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError, LabHeld
from labctl.host.files import checked, os_errors, runtime
from labctl.host.files.owners import owner, user
from labctl.host.libvirt.uri import is_session
from labctl.host.rootless import outside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHARED = Path("/run/lock")
_STICKY = 0o1777  # everybody may make a file there, and remove only their own
_POLL_S = 0.1


def shared() -> bool:
    """Whether this host has the folder in which all its users' labctls find each other's locks."""
    with suppress(OSError):
        found = SHARED.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == 0 and stat.S_IMODE(found.st_mode) == _STICKY
    return False


def lab_lock_name(name: str) -> str:
    """What the lock of a lab is called, among those of a host."""
    return f"lab {name}"


def on(uri: str, what: str) -> str:
    """The name of a lock among those of all hosts. Each user's own daemon is a host by itself."""
    whose = f" of {user()}" if is_session(uri) else ""
    return f"{what} on {uri}{whose}"


def path(what: str) -> Path:
    """The lock's file; it stays when nobody holds it."""
    folder = SHARED if shared() else runtime.folder()
    return folder / f"labctl-{hashlib.sha256(what.encode()).hexdigest()[:16]}.lock"


@contextmanager
def held(what: str, *, wait_s: float = 0.0, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold a lock while the block runs.

    Args:
        what: the lock's name, as `lab shop on qemu:///system`, which the error quotes.
        wait_s: how long to wait while another process holds the lock.
        waiting: is called repeatedly during the wait; an exception that it raises ends the wait.

    Raises:
        LabHeld: another process holds the lock; its PID and user are named.
    """
    descriptor = _opened(path(what))
    try:
        _take(descriptor, what, time.monotonic() + wait_s, waiting)
        yield
    finally:
        os.close(descriptor)


def _opened(file: Path) -> int:
    """Open a lock's file, which is made where there is none.

    The kernel refuses O_CREAT for another user's file in such a folder (fs.protected_regular).
    """
    with os_errors.translated("can't make the lock", file):
        try:
            return checked.open_anybodys(file)
        except FileNotFoundError:
            _make(file)
            return checked.open_anybodys(file)
        except LabctlError as error:
            with suppress(OSError):  # it is gone
                whose = owner(file, file.lstat()).name
                error.hint = f"it is in the place of a lock: have {whose} or root remove it"
            raise


def _make(file: Path) -> None:
    """Make an empty file that everybody may open, whatever the umask: no other labctl finds it before it is so."""
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix="labctl-")
    try:
        os.fchmod(descriptor, 0o444)
        with suppress(FileExistsError):  # another one was quicker
            os.link(temporary, file, follow_symlinks=False)
    finally:
        os.close(descriptor)
        Path(temporary).unlink()


def _take(descriptor: int, what: str, deadline: float, waiting: Callable[[], object]) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LabHeld(
                    f"another labctl holds the {what}: {_holder(descriptor)}",
                    hint="wait until it is done, or stop it with Ctrl-C there",
                ) from None
            waiting()
            time.sleep(_POLL_S)
        else:
            return


def _holder(descriptor: int) -> str:
    """Who holds the lock of an open file. In a user's own libvirt PIDs are others, so the process outside is asked."""
    status = os.fstat(descriptor)
    file = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    found = outside.holder_of(file) if outside.inside() else holder_of(file)
    return found or "its PID can't be told from here; it may run in a container"  # of another PID namespace


def holder_of(file: str) -> str:
    """Who holds the lock of a file, as `PID 123 of dana`; empty where it is not seen from here.

    `file` is `DEVICE:INODE` as in https://man7.org/linux/man-pages/man5/proc_locks.5.html
    """
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, kind, *_, pid, locked, _, _ = line.split()
        if (kind, locked) == ("FLOCK", file):
            try:
                whose = user(Path(f"/proc/{pid}").stat().st_uid)
            except OSError:
                whose = "a user unknown here"
            return f"PID {pid} of {whose}"
    return ""
