"""The namespaces of another process, entered by setns(2), which Python has from 3.12 on."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labctl.host.machine.processes import Identity

# <linux/sched.h>
NEWNS = 0x00020000
NEWIPC = 0x08000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000
ALL = NEWUSER | NEWNS | NEWIPC | NEWPID | NEWNET
# <linux/prctl.h>
_SET_PDEATHSIG = 1
_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


def enter(process: Identity) -> None:
    """Enter all namespaces of a process; those of processes begin with the next child.

    The kernel wants a process with one thread, and the user that the namespaces belong to.

    Raises:
        OSError: the kernel refuses it, or the process has ended.
    """
    handle = os.pidfd_open(process.pid)
    try:
        if not process.alive:  # its PID may be another one's by now
            raise ProcessLookupError(errno.ESRCH, "its first process has ended")
        _checked(_libc.setns(handle, ALL))
    finally:
        os.close(handle)


def end_with_parent(number: int) -> None:
    """Have the kernel send this process a signal when its parent ends."""
    _checked(_libc.prctl(_SET_PDEATHSIG, number, 0, 0, 0))


def adopt_grandchildren() -> None:
    """Have this process become the parent of those whose own parent ends."""
    _checked(_libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
