"""Looks at a user's own libvirt from outside, and ends it once its VMs are shut down."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import libvirt

from labctl.core.errors import LabctlError
from labctl.core.events import Teller
from labctl.core.record import record
from labctl.host.host import Host
from labctl.host.libvirt.connection import translated
from labctl.host.libvirt.uri import SYSTEM
from labctl.host.rootless import joining, world
from labctl.kinds import addresses
from labctl.kinds.vm import virdomain

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from labctl.host.rootless.state import Holder

ANSWER_S = 30  # for libvirt to say what runs
SHUTDOWN_S = 60.0
CUT_S = 60  # for libvirt to cut the power of those that did not shut down
AGAIN_S = 5.0  # after which a guest is asked again
_POLL_S = 0.1


@record
class Running:
    """A user's own libvirt that runs: the names of its running domains, and whether a command is at work inside.

    `vms` is None where libvirt hangs, so that nobody knows them.
    """

    holder: Holder
    vms: tuple[str, ...] | None
    used: bool


def running() -> Running | None:
    """Look what runs; None if there is no libvirt of this user's own.

    Raises:
        LabctlError: it can't be asked.
    """
    holder = world.running()
    if holder is None:
        return None
    try:
        vms = _unless_ended(holder, _active, ANSWER_S)
    except joining.Hangs:
        return Running(holder, None, world.own().used())
    return None if vms is None else Running(holder, tuple(vms), world.own().used())


def stop(found: Running) -> list[str] | None:
    """Shut its domains down, also those that began after the look, and end it.

    Gives the names of those that did not shut down in time; None where libvirt hangs, and whatever ran was cut.

    Raises:
        LabctlError: it can't be asked, or does not end.
    """
    cut = None
    if found.vms is not None:
        with suppress(joining.Hangs):
            cut = _unless_ended(found.holder, _shut_down, int(SHUTDOWN_S) + CUT_S) or []
    world.end(found.holder)
    return cut


def _unless_ended(holder: Holder, function: Callable[[], list[str]], within_s: int) -> list[str] | None:
    """What a function gives inside; None where another stop ends the world meanwhile.

    Raises:
        Hangs: it does not give it in time.
        LabctlError: it can't be asked.
    """
    try:
        return joining.called_inside(holder.init, function, within_s)
    except joining.Hangs:
        raise
    except LabctlError:
        if world.ends(holder):
            return None
        raise


def _active() -> list[str]:
    with _own() as host, translated(host.uri):
        return sorted(each.name() for each in _domains(host))


def _shut_down() -> list[str]:
    """Ask all guests to shut down, and cut the power of those that do not. One that boots hears it later."""
    with _own() as host, translated(host.uri):
        begun = asked = time.monotonic()
        while (left := _domains(host)) and time.monotonic() < begun + SHUTDOWN_S:
            if time.monotonic() >= asked:
                for each in left:
                    _unless_gone(partial(_ask, each))
                asked = time.monotonic() + AGAIN_S
            time.sleep(_POLL_S)
        for each in left:
            _unless_gone(each.destroy)
        return sorted(each.name() for each in left)


def _own() -> Host:
    """The user's own libvirt, as it is reached inside, whatever the environment names."""
    return Host(SYSTEM)


def _ask(domain: Any) -> None:
    virdomain.shutdown(domain, Teller(lambda _: None, addresses.vm(domain.name()), time.monotonic()))


def _unless_gone(change: Callable[[], object]) -> None:
    """Change a domain. One that has ended meanwhile, or can't be asked, is no reason to leave out the others."""
    with suppress(libvirt.libvirtError, LabctlError):
        change()


def _domains(host: Host) -> list[Any]:
    return list(host.virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE))
