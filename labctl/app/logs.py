"""Reads the console log of a VM."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from labctl.app.one_vm import look, one
from labctl.host.access import console
from labctl.host.libvirt.connection import translated
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.session import Session

POLL_S = 1.0
OVERLAP = 4096  # characters by which two looks at a long log are put together


def choose_vm(session: Session, name: str | None) -> str:
    """The name of the VM called `name`, or of the only VM if `name` is None.

    Raises:
        UsageError: there is no such VM, or there are several and `name` is None.
    """
    return one(session, name, look(session))


def read(session: Session, vm: str) -> str:
    """The whole log so far.

    Raises:
        LabctlError: it can't be read.
    """
    with translated(f"vm/{vm}"):
        return console.read(session.hosts.of(addresses.vm(vm)).virt, session.lab.name, vm)


def follow(session: Session, vm: str, seen: str) -> Iterator[str]:
    """Give what is added to the log after `seen`, without end. After a rotation that is the whole new log."""
    while True:
        time.sleep(POLL_S)
        text = read(session, vm)
        if text != seen:
            yield _added(text, seen)
            seen = text


def _added(text: str, seen: str) -> str:
    """What comes after `seen`, of which only the end is left in the text of a long log."""
    if text.startswith(seen):
        return text.removeprefix(seen)
    _, found, added = text.partition(seen[-OVERLAP:])
    return added if found else text
