"""The shared connections of OpenSSH to the VMs of a lab: where their sockets are, and when they end."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import libvirt

from labctl.core import identity
from labctl.core.errors import LabctlError
from labctl.host.access import shared_ssh, ssh
from labctl.host.libvirt.connection import translated
from labctl.kinds import addresses

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.app.session import Session
    from labctl.kinds.vm.overview import VmOverview


def control(session: Session, vm: VmOverview) -> Path | None:
    """The path of the control socket for a VM that runs; see `shared_ssh.socket`."""
    return shared_ssh.socket(session.hosts.of(addresses.vm(vm.name)).uri, session.lab.name, vm.id)


def end_unused(session: Session) -> None:
    """End the connections to VMs of the lab that don't run any more. One that is paused answers nobody."""
    for host in session.hosts:
        # who can't use the runtime folder has no connections, and without libvirt they end by themselves
        with suppress(LabctlError), translated():
            shared_ssh.end_others(host.uri, session.lab.name, partial(_ids, host.virt))
    with suppress(LabctlError), translated():
        shared_ssh.end_ways_through(session.folder.path / ssh.CONFIG, partial(_vms, session))


def _ids(virt: Any) -> list[int]:  # virConnect
    return [each.ID() for each in _running(virt)]


def _vms(session: Session) -> list[str]:
    """The names of the lab's VMs that run."""
    prefix = identity.libvirt_name(session.lab.name, "")
    names = (each.name() for host in session.hosts for each in _running(host.virt))
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def _running(virt: Any) -> list[Any]:  # virConnect, virDomains
    return list(virt.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING))
