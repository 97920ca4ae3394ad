"""A VM's console log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from labctl.app.one_vm import look, one
from labctl.host.access import console
from labctl.host.libvirt.connection import translated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.app.session import Session

POLL_S = 1.0


def choose_vm(session: Session, name: str | None) -> str:
    """The VM that is meant.

    Raises:
        UsageError: there is no such VM, or several and none was named.
    """
    return one(session, name, look(session))


def read(session: Session, vm: str) -> str:
    """The whole log so far.

    Raises:
        LabctlError: it can't be read.
    """
    with translated(f"vm/{vm}"):
        return console.read(session.host.virt, session.lab.name, vm)


def follow(session: Session, vm: str, seen: str) -> Iterator[str]:
    """What comes after `seen`, without end; after a rotation of the log all of the new one."""
    while True:
        time.sleep(POLL_S)
        text = read(session, vm)
        if text != seen:
            yield text.removeprefix(seen) if text.startswith(seen) else text
            seen = text
