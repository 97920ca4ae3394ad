"""Users of this host, and which of them owns a file or folder that this user can't get at."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from labctl.core.record import record
from labctl.host.rootless import outside

_UID_MAP = Path("/proc/self/uid_map")


def user(uid: int | None = None) -> str:
    """The name of a user, by default of the one who runs labctl. A uid without a name gives `uid NUMBER`.

    Inside a user's own libvirt root is this user.
    """
    number = os.geteuid() if uid is None else uid
    if number == 0 and outside.inside():
        number = int(_UID_MAP.read_text(encoding="ascii").split()[1])
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


@record
class Barrier:
    """The file or folder that keeps this user from a path, and the uid of its owner."""

    path: Path
    owner: int

    def __str__(self) -> str:
        return f"{self.path} is {user(self.owner)}'s"

    @property
    def hint(self) -> str:
        if self.owner == os.geteuid():
            return f"`chmod u+rwX {self.path}`"
        return f"run labctl as {user(self.owner)}, or use a folder of your own"


def barrier(path: Path) -> Barrier | None:
    """Find what keeps this user from a path: the path itself, or the nearest of its parents that can be seen.

    None when that has gone meanwhile.
    """
    nearest = Path("/")
    try:
        for below in (*reversed(path.absolute().parents), path.absolute()):
            below.lstat()
            nearest = below
        if os.access(nearest, os.R_OK | os.W_OK) and not nearest.is_dir():
            nearest = nearest.parent  # the file itself may be read and written, so its folder is in the way
    except OSError:
        pass  # the rest of the path is missing, or below a folder that can't be entered
    try:
        return Barrier(nearest, nearest.stat().st_uid)
    except OSError:
        return None


def owner_text(path: Path) -> str:
    """Say who owns a path, as `PATH is USER's`, or who owns the folder that hides it; empty when nothing exists."""
    try:
        return str(Barrier(path, path.lstat().st_uid))
    except FileNotFoundError:
        return ""
    except OSError:
        return str(barrier(path) or "")
