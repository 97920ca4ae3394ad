"""What `forward` does: lists the forwards of a lab, and makes one that lasts as long as the command."""

from __future__ import annotations

import os
import select
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from labctl.app.forwards import REMOTE
from labctl.app.one_vm import by_base, look, one, running
from labctl.app.reach import reach
from labctl.app.status import forwards
from labctl.app.vm_names import choose
from labctl.core.address import natural_sort_key
from labctl.core.endpoint import Endpoint, Forward
from labctl.core.errors import LabctlError, UsageError
from labctl.core.ip import parse_addresses
from labctl.core.record import record
from labctl.host.machine import forwarders
from labctl.kinds import addresses
from labctl.labfile.forwards import WrongForward, parse_forward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from subprocess import Popen

    from labctl.app.session import Session
    from labctl.core.ip import IpAddress
    from labctl.kinds.forward.overview import ForwardOverview

FORMAT = 1


@record
class Listing:
    """The forwards of a lab, each with the name of its VM."""

    lab: str
    forwards: tuple[tuple[str, ForwardOverview], ...]

    def to_json(self) -> dict[str, Any]:
        """The shape of `schemas/forward.schema.json`."""
        shown = [{"vm": vm, **each.to_json()} for vm, each in self.forwards]
        return {"format": FORMAT, "lab": self.lab, "forwards": shown}


def listing(session: Session, vms: Iterable[str] = ()) -> Listing:
    """Look which forwards there are.

    Raises:
        UsageError: there is no such VM.
    """
    seen = look(session)
    chosen = set(choose(vms, by_base(session, seen)))
    found = sorted((vm for vm in seen.vms if vm.name in chosen), key=lambda vm: natural_sort_key(vm.name))
    return Listing(session.lab.name, tuple((vm.name, each) for vm in found for each in forwards(vm)))


def forward(session: Session, vm: str, text: str, told: Callable[[str], object]) -> None:
    """Forward ports to a VM until something ends this process; `told` is called once they listen.

    Raises:
        UsageError: the text is no forward, or there is no such VM.
        LabctlError: the host does not reach the VM, or can't listen there, or a forwarder ended by itself.
    """
    try:
        wanted = parse_forward(text)
    except WrongForward as error:
        raise UsageError(error.summary, hint=error.hint) from None
    name, guest = _guest(session, vm)
    with ExitStack() as ends:
        processes = []
        for each in wanted:
            process = forwarders.attached(each.listens, each.protocol, Endpoint(guest, each.guest))
            ends.callback(forwarders.detach, process)
            processes.append(process)
        told(_telling(name, wanted, guest))
        _first_end(processes, ends)
    raise LabctlError("a forwarder ended by itself")


def _guest(session: Session, vm: str) -> tuple[str, IpAddress]:
    """The name of the VM, and its address that the host reaches."""
    if not session.hosts.of(addresses.vm(vm)).local:
        raise LabctlError(REMOTE, hint="use `ssh -L`")
    seen = look(session)
    name = one(session, vm, seen)
    running(seen, name)
    found = reach(seen)
    login = found.logins.get(name)
    if login is None or login.jump:
        why = found.reasons.get(name, "the host reaches it only through another VM")
        raise LabctlError(f"can't forward to {name}: {why}", hint=f"`labctl status {name}` shows it")
    (address,) = parse_addresses([login.address])
    return name, address


def _telling(vm: str, wanted: tuple[Forward, ...], guest: IpAddress) -> str:
    first, last = wanted[0], wanted[-1]
    here, there = str(first.listens), str(Endpoint(guest, first.guest))
    if last is not first:
        here, there = f"{here}-{last.listens.port}", f"{there}-{last.guest}"
    return f"{first.protocol.upper()} of {here} leads to {vm}, {there}; Ctrl-C ends it"


def _first_end(processes: Iterable[Popen[bytes]], ends: ExitStack) -> None:
    handles = [os.pidfd_open(each.pid) for each in processes]
    for each in handles:
        ends.callback(os.close, each)
    select.select(handles, (), ())
