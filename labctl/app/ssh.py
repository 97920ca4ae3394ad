"""How to log in to the lab's VMs: which address the host reaches, through whom else, with which keys."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from labctl.app.status import choose
from labctl.core.address import natural
from labctl.core.errors import LabctlError, UsageError
from labctl.core.lifecycle import State
from labctl.core.record import record
from labctl.engine import overview
from labctl.host.access import ssh as openssh
from labctl.host.access.ssh import Login

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labctl.app.session import Session
    from labctl.engine.overview import Overview
    from labctl.kinds.vm.overview import NicOverview, VmOverview


@record
class Reach:
    """The VMs that can be reached, and for each of the others why not."""

    logins: dict[str, Login]
    reasons: dict[str, str]


def command(session: Session, vm: str | None, words: Sequence[str]) -> list[str]:
    """The argv of OpenSSH that logs in to a VM and runs `words` there; it has written what that reads.

    Raises:
        UsageError: there is no such VM, or several and none was named.
        LabctlError: it can't be reached, or its keys are not here.
    """
    if shutil.which("ssh") is None:
        raise LabctlError(
            "there is no ssh on this machine", hint="install OpenSSH's client; see `labctl doctor`"
        )
    seen = look(session)
    name = one(session, vm, seen)
    found = reach(seen, session.host.uri)
    if name not in found.logins:
        raise _unreachable(name, found)
    if not next(vm.seeded for vm in seen.vms if vm.name == name):
        raise LabctlError(
            "it was made without cloud-init, so labctl has no login there",
            where=f"vm/{name}",
            hint=f"if it has one of its own: ssh {found.logins[name].address}",
        )
    _check_keys(session, name)
    path = openssh.write(session.folder, session.lab.name, found.logins.values(), session.keys)
    return ["ssh", "-F", str(path), name, *(["--", *words] if words else [])]


def config(session: Session, vms: Iterable[str] = ()) -> tuple[str, dict[str, str]]:
    """The text of the lab's ssh_config, and why VMs are missing in it.

    Raises:
        UsageError: there is no such VM.
        LabctlError: the lab's keys are not here.
    """
    seen = look(session)
    found = reach(seen, session.host.uri)
    chosen = set(choose(vms, _bases(session, seen)))
    if not seen.vms:
        raise LabctlError("no VM of the lab exists yet", hint="`labctl up` makes them")
    _check_keys(session)
    openssh.write(session.folder, session.lab.name, found.logins.values(), session.keys)
    through = {found.logins[name].jump for name in chosen & found.logins.keys()}
    logins = [login for name, login in found.logins.items() if name in chosen | through]
    reasons = {name: why for name, why in found.reasons.items() if name in chosen}
    return openssh.config(session.folder, session.lab.name, logins, session.keys), reasons


def reach(seen: Overview, uri: str) -> Reach:
    """Find for each VM the first address on a network that the host is on, else a VM to go through.

    The host is taken to be on what it bridges and on networks that are none of the lab's; it never reaches a macvtap.
    """
    own = {net.name: net for net in seen.networks}
    networks = {net.name for net in own.values() if net.active and (net.host or net.mode == "bridge")}
    networks |= {nic.network for vm in seen.vms for nic in vm.nics if nic.reports} - own.keys()
    outer = _outer(uri)
    running = [vm for vm in sorted(seen.vms, key=lambda vm: natural(vm.name)) if vm.state == State.RUNNING]
    logins = {}
    for vm in running:
        if address := next((nic.ips[0] for nic in _linked(vm) if nic.network in networks), None):
            logins[vm.name] = Login(vm.name, vm.user, str(address), outer)
    reasons = {vm.name: f"it is {vm.state}" for vm in seen.vms if vm.state != State.RUNNING}
    direct = [vm for vm in running if vm.name in logins]
    for vm in running:
        if vm.name not in logins:
            if login := _through(vm, direct):
                logins[vm.name] = login
            else:
                reasons[vm.name] = _why(vm)
    return Reach(logins, reasons)


def _through(vm: VmOverview, direct: Sequence[VmOverview]) -> Login | None:
    """A login by way of a VM that the host reaches and that shares a network with this one."""
    for nic in _linked(vm):
        for other in direct:
            if any(each.network == nic.network for each in _linked(other)):
                return Login(vm.name, vm.user, str(nic.ips[0]), other.name)
    return None


def _linked(vm: VmOverview) -> list[NicOverview]:
    """Its NICs that have an address and whose link is up."""
    return [nic for nic in vm.nics if nic.ips and nic.link == "up"]


def _outer(uri: str) -> str:
    """The host to go through where libvirt is reached by ssh, as in `qemu+ssh://root@kvm1/system`."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme.endswith("+ssh") else ""


def _why(vm: VmOverview) -> str:
    if not vm.nics:
        return "it has no NIC"
    if not any(nic.ips for nic in vm.nics):
        told = [nic.network for nic in vm.nics if nic.reports]
        return f"its guest reports no address on {', '.join(told)}" if told else "no address of it is known"
    if not _linked(vm):
        return f"the link of {', '.join(nic.network for nic in vm.nics if nic.ips)} is down"
    names = ", ".join(nic.network for nic in vm.nics)
    return f"the host has no address on its networks ({names}), and no other VM of the lab leads there"


def look(session: Session) -> Overview:
    """What exists of the session's lab; what is wrong with its Labfile is told before libvirt is asked."""
    lab = session.lab.name
    return overview.look(session.host, lab, ask=True)


def one(session: Session, vm: str | None, seen: Overview) -> str:
    """The VM that is meant: the one named, or the only one there is."""
    bases = _bases(session, seen)
    chosen = choose([vm] if vm else [], bases)
    if len(chosen) == 1:
        return chosen[0]
    if not bases:
        raise UsageError(f"lab {session.lab.name} has no VMs")
    names = sorted(chosen, key=natural)
    what = f"{vm} stands for {len(names)} VMs" if vm else "which VM?"
    raise UsageError(what, hint=f"name one of {', '.join(names[:12])}{', …' if len(names) > 12 else ''}")


def _bases(session: Session, seen: Overview) -> dict[str, str]:
    return {vm.name: vm.base for vm in session.lab.vms} | {vm.name: vm.base for vm in seen.vms}


def _unreachable(name: str, found: Reach) -> LabctlError:
    why = found.reasons.get(name, "it does not exist yet")
    hint = ""
    if why.startswith("the host"):
        hint = f"`labctl console {name}` needs no network; or put a VM on one of them and on a network of the host"
    elif why.startswith("its guest"):
        hint = f"does a DHCP server answer there? `labctl console {name}` needs no network"
    elif not why.startswith("it has no"):
        hint = f"`labctl up {name}` mends that"
    return LabctlError(f"can't log in: {why}", where=f"vm/{name}", hint=hint)


def _check_keys(session: Session, vm: str | None = None) -> None:
    keys = session.keys
    lost = "" if keys.has_login() else f"the lab's login key is not at {keys.login}"
    if vm and not lost and keys.known_host(vm) is None:
        lost = f"the host key of {vm} is not known here"
    if lost:
        raise LabctlError(lost, hint="`labctl up` puts new keys into the lab where they were lost")
