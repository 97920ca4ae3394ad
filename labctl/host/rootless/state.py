"""What is kept of a user's own libvirt between its starts, and who uses it: a folder of the user's data.

    rootless/
        lib, cache, log, etc …  stand for folders of libvirt's, which `contents` says
        run                     where a /run is put together
        resolv.conf             covers the machine's where names are asked of pasta
        holder.json             who holds the namespaces: processes, with their start and boot
        start.lock              of the labctl that starts it
        used.lock               shared by each labctl that is inside; who starts or ends the world has it alone
        held.lock               the world's for as long as it is there, on whatever machine that shares this home
        world.log               what its processes say

The kernel lets go of a lock when its process ends, however it does.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import record, values
from labctl.host.files import os_errors
from labctl.host.files.private import private_folder, user_folder, write_private
from labctl.host.machine.processes import Identity

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_LOCKS = "set LABCTL_DATA_DIR to a folder whose file system has locks"


def root() -> Path:
    """The folder; it need not exist.

    Raises:
        LabctlError: nobody knows the user's home, or it would be another one in each folder.
    """
    import platformdirs  # whoever may use the system's libvirt does without it

    found = user_folder("LABCTL_DATA_DIR", platformdirs.user_data_dir("labctl"))
    if not found.is_absolute():
        raise LabctlError(
            f"LABCTL_DATA_DIR is {found}, which depends on the folder that you are in",
            hint="set it to an absolute path",
        )
    return found / "rootless"


@record
class Holder:
    """The process that keeps a world, and PID 1 of it, both as seen from outside."""

    keeper: Identity
    init: Identity

    @property
    def alive(self) -> bool:
        return self.keeper.alive and self.init.alive


@record
class State:
    """The folder of one world."""

    folder: Path

    def make(self) -> None:
        """Make the folder, for its owner alone.

        Raises:
            LabctlError: it can't be made.
        """
        private_folder(self.folder)

    @property
    def log(self) -> Path:
        return self.folder / "world.log"

    @property
    def libvirts_log(self) -> Path:
        """What is /var/log/libvirt/libvirtd.log inside."""
        return self.folder / "log/libvirt/libvirtd.log"

    def holder(self) -> Holder | None:
        """Who holds the world now; None if nobody does."""
        found = self.last_holder()
        return found if found and found.alive else None

    def last_holder(self) -> Holder | None:
        """Who holds the world, or held it last."""
        try:
            read = json.loads((self.folder / "holder.json").read_text(encoding="utf-8"))
            return Holder(Identity(**read["keeper"]), Identity(**read["init"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None  # never written, or of another version

    def write_holder(self, holder: Holder) -> None:
        """Say who holds the world."""
        named = {name: values(each) for name, each in values(holder).items()}
        write_private(self.folder / "holder.json", json.dumps(named).encode())

    @contextmanager
    def using(self) -> Iterator[int]:
        """Keep the world from ending by itself, and others from starting it, while the block runs.

        Gives the descriptor that has the lock.

        Raises:
            LabctlError: the file system has no locks, as some network's.
        """
        descriptor = self.open_lock("used.lock")
        try:
            with os_errors.translated("can't lock it", self.folder / "used.lock", _LOCKS):
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield descriptor
        finally:
            os.close(descriptor)

    def used(self) -> bool:
        """Whether somebody uses the world now."""
        descriptor = self.open_lock("used.lock")
        try:
            return not taken(descriptor)
        finally:
            os.close(descriptor)

    def open_lock(self, name: str) -> int:
        return os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def taken(descriptor: int) -> bool:
    """Take a lock alone, at once; whether that worked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
