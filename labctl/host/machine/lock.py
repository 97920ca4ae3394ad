"""Locks that die with their process, as one for each lab of a host and one for its subnets."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabHeld
from labctl.host.files import os_errors
from labctl.host.files.private import private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import TextIOWrapper

_POLL_S = 0.1


def folder() -> Path:
    """The folder for locks and other files of one run.

    It is in /run for root, in the session's XDG_RUNTIME_DIR for other users, and in the temporary folder for users
    without a session.
    """
    uid = os.geteuid()
    if uid == 0:
        return Path("/run/labctl")
    for session in (Path(os.environ.get("XDG_RUNTIME_DIR", "")), Path(f"/run/user/{uid}")):
        if session.is_absolute() and os.access(session, os.R_OK | os.W_OK | os.X_OK) and session.is_dir():
            return session / "labctl"
    return Path(tempfile.gettempdir(), f"labctl-{uid}")


def lab_lock_name(name: str) -> str:
    """What the lock of a lab is called, among those of a host."""
    return f"lab {name}"


def on(uri: str, what: str) -> str:
    """The name of a lock among those of all hosts."""
    return f"{what} on {uri}"


def path(what: str) -> Path:
    """The lock's file; it stays when nobody holds it."""
    return folder() / f"{hashlib.sha256(what.encode()).hexdigest()[:16]}.lock"


@contextmanager
def held(what: str, *, wait_s: float = 0.0, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold a lock while the block runs.

    Args:
        what: the lock's name, as `lab shop on qemu:///system`, which the error quotes.
        wait_s: how long to wait while another process holds the lock.
        waiting: is called repeatedly during the wait; an exception that it raises ends the wait.

    Raises:
        LabHeld: another process holds the lock; its PID, user and command are named.
    """
    private_folder(folder())
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with os_errors.translated("can't use the lock", path(what)):
        descriptor = os.open(path(what), flags, 0o600)
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        _take(file, what, time.monotonic() + wait_s, waiting)
        file.truncate(0)
        file.write(f"{os.getpid()} {_user()} {' '.join(['labctl', *sys.argv[1:]])}\n")
        file.flush()
        yield


def _take(file: TextIOWrapper, what: str, deadline: float, waiting: Callable[[], object]) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                file.seek(0)
                pid, user, command = [*file.read().strip().split(" ", 2), "", "", ""][:3]
                raise LabHeld(
                    f"another labctl holds the {what}: PID {pid or 'unknown'} of {user or 'unknown'},"
                    f" `{command or 'labctl'}`",
                    hint="wait until it is done, or stop it with Ctrl-C there",
                ) from None
            waiting()
            time.sleep(_POLL_S)
        else:
            return


def _user() -> str:
    """The name of the user who runs labctl; behind sudo that of the user who called it."""
    try:
        return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
