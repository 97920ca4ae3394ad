"""Processes of this host, told from all others that had or will have their PIDs.

A process in a PID namespace within this one, as of a container or a user's own libvirt, counts as another machine's:
what its arguments name is there, though a process of this machine may have the same ones.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.core.errors import LabctlError
from labctl.core.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PROC = Path("/proc")


@record
class Identity:
    """A process: its PID, its start in ticks since the boot, and the boot. PIDs are used again."""

    pid: int
    started: str
    boot: str

    @property
    def alive(self) -> bool:
        now = facts(self.pid)
        return now is not None and (now.started, boot_id()) == (self.started, self.boot)


@record
class Facts:
    """When a process started, in ticks since the boot, and the PID of the first process of its session."""

    started: str
    session: int


def facts(pid: int) -> Facts | None:
    """Look at a process; None if it ended, though nobody may have waited for it yet.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # from the third one on: the name before may have spaces
    return None if fields[0] in "ZX" else Facts(fields[19], int(fields[3]))


def identity(pid: int) -> Identity:
    """The identity of a process.

    Raises:
        LabctlError: it ended.
    """
    now = facts(pid)
    if now is None:
        raise LabctlError(f"the process {pid} ended as soon as it was started")
    return Identity(pid, now.started, boot_id())


def boot_id() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()


def own_with(begin: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The processes of this user whose arguments begin with these: the PID, and all arguments."""
    start = "".join(f"{each}\0" for each in begin).encode()
    for pid in beginning_with(start):
        try:
            arguments = (_PROC / str(pid) / "cmdline").read_bytes()
        except OSError:
            continue  # it ended
        if arguments.startswith(start):
            yield pid, arguments.decode(errors="replace").split("\0")[:-1]


def beginning_with(start: bytes, session: int = 0) -> Iterator[int]:
    """The processes of this machine whose arguments begin so, this user's and those of a session that is known."""
    for pid in map(int, filter(str.isdecimal, os.listdir(_PROC))):  # noqa: PTH208  # a thousand of them, at each look
        if _may_be_read(pid, session) and _begins_with(pid, start) and len(pids(pid)) < 2:
            yield pid


def pids(pid: int) -> list[int]:
    """The PIDs that a process has: in this PID namespace, then in each one within it down to its own.

    Empty if it ended. https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
    """
    try:
        status = (_PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    found = re.search(r"^NSpid:(.*)$", status, re.MULTILINE)
    return [int(each) for each in found[1].split()] if found else []


def _may_be_read(pid: int, session: int = 0) -> bool:
    """Whether to read a process's arguments. Another user's may lie in a file of theirs that never answers."""
    try:
        if (_PROC / str(pid)).stat().st_uid == os.geteuid():
            return True
    except OSError:
        return False  # it ended
    found = facts(pid) if session else None
    return found is not None and found.session == session


def _begins_with(pid: int, start: bytes) -> bool:
    """Whether a process's arguments may begin so, in few calls: nearly all do not."""
    try:
        descriptor = os.open(f"{_PROC}/{pid}/cmdline", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False  # it ended
    try:
        return os.read(descriptor, len(start)) == start
    except OSError:
        return False
    finally:
        os.close(descriptor)
