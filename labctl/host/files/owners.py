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
class Owner:
    """Who owns a file or folder; `mine`: it is this user. Other users are as outside of a user's own libvirt."""

    uid: int
    name: str
    mine: bool


def owner(path: str | Path, found: os.stat_result) -> Owner:
    """The owner of what was found at a path.

    Inside a user's own libvirt all other users, root too, are nobody, so the process outside is asked.
    """
    if found.st_uid == os.geteuid():
        return Owner(found.st_uid, user(found.st_uid), mine=True)
    told = outside.owner_of(str(Path(path).absolute()), found) if outside.inside() else None
    uid, name = told or (found.st_uid, user(found.st_uid))
    return Owner(uid, name, mine=False)


@record
class Barrier:
    """The file or folder that keeps this user from a path, and its owner."""

    path: Path
    owner: Owner

    def __str__(self) -> str:
        return f"{self.path} is {self.owner.name}'s"

    @property
    def hint(self) -> str:
        if self.owner.mine:
            return f"`chmod u+rwX {self.path}`"
        return f"run labctl as {self.owner.name}, or use a folder of your own"


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
        return Barrier(nearest, owner(nearest, nearest.stat()))
    except OSError:
        return None
