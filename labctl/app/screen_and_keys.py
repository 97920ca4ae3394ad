"""The screen and the keyboard of a VM: a picture of the one, and keys that are pressed on the other."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import libvirt

from labctl.app.one_vm import look, one, running
from labctl.core.errors import LabctlError
from labctl.core.record import record
from labctl.host.access import picture
from labctl.host.libvirt.connection import translated
from labctl.kinds import addresses

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from labctl.app.session import Session
    from labctl.core.keyboard import Chord

HOLD_MS = 50


@record
class Picture:
    """A picture of a VM's screen, as PNG."""

    vm: str
    png: bytes


def screenshot(session: Session, vm: str | None) -> Picture:
    """Take a picture of a VM's screen.

    Raises:
        UsageError: there is no such VM, or several and none was named.
        LabctlError: it does not run, or has no screen.
    """
    name, domain = _running(session, vm)
    try:
        with translated():
            return Picture(name, picture.taken(domain))
    except LabctlError as error:
        error.where = f"vm/{name}"
        raise


def press(session: Session, vm: str | None, chords: Iterable[Chord]) -> None:
    """Press keys on a VM's keyboard, one chord after the other, and return when the last one was let go.

    QEMU only queues what it gets, and loses without a word what its queue has no room for, as the end of a long text.
    So each chord is waited for: QEMU presses its keys one by one, lets them go one by one, and pauses after each.

    Raises:
        UsageError: there is no such VM, or several and none was named.
        LabctlError: it does not run.
    """
    name, domain = _running(session, vm)
    with translated(f"vm/{name}"):
        for chord in chords:
            domain.sendKey(libvirt.VIR_KEYCODE_SET_LINUX, HOLD_MS, list(chord), len(chord), 0)
            time.sleep(2 * len(chord) * HOLD_MS / 1000)


def _running(session: Session, vm: str | None) -> tuple[str, Any]:
    seen = look(session)
    name = one(session, vm, seen)
    found = running(seen, name)
    with translated(f"vm/{name}"):
        return name, session.hosts.of(addresses.vm(name)).virt.lookupByName(found.libvirt_name)
